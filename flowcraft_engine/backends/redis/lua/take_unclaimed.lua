-- take_unclaimed: ready instances whose message must be lost, to be published again.
--
-- Keys: 1 unclaimed of one queue. Arguments: most members, least age in ms, publishing time of the message at the
--   head of the queue in ms, less the time that a job may be on its way there, or '' if the queue is empty.
-- Returns {now, members...}. Messages are fetched in the order of publishing: a message is lost if one that was
--   published later is at the head, or none is there at all.
-- Invariant kept: a queue that is merely slow gets no repeats.
local now = now_ms()
local bound = now - tonumber(ARGV[2])
if ARGV[3] ~= '' and tonumber(ARGV[3]) < bound then
    bound = tonumber(ARGV[3])
end
local members = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. bound, 'LIMIT', 0, tonumber(ARGV[1]))
for _, member in ipairs(members) do
    redis.call('ZADD', KEYS[1], now, member)
end
return { now, members }
