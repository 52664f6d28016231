-- take_unclaimed: ready instances whose message must be lost, to be published again.
--
-- Keys: 1 unclaimed of one queue. Arguments: most members, least age in ms, publishing time of the message at the
--   head of the queue in ms, less the time that a job may be on its way there, or '' if the queue is empty, longest
--   pause in ms.
-- Returns {now, {member, ...}}. Messages are fetched in the order of publishing: a message is lost if one that was
--   published later is at the head, or none is there at all. A job that was sent on to other workers looks lost as
--   well, so after each time it is looked for after twice the time: the score is in the future, by a pause. How long
--   that is stands in the fraction of the score, in 1/2048 for each fifth of a second, and one more: whoever reads it
--   knows when the job was published, whatever age was the least for whoever wrote it.
-- Invariant kept: a queue that is merely slow gets no repeats, other workers that are merely slow get few.
local now = now_ms()
local least = tonumber(ARGV[2])
local bound = now - least
if ARGV[3] ~= '' and tonumber(ARGV[3]) < bound then
    bound = tonumber(ARGV[3])
end
local found =
    redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. bound, 'WITHSCORES', 'LIMIT', 0, tonumber(ARGV[1]))
local members = {}
for index = 1, #found, 2 do
    local score = tonumber(found[index + 1])
    local fifths = (score - math.floor(score)) * 2048 - 1
    if fifths < 0 then -- it was never looked for
        fifths = 0
    else
        fifths = math.floor(math.min(2 * 200 * fifths + least, tonumber(ARGV[4])) / 200)
    end
    redis.call('ZADD', KEYS[1], now + 200 * fifths + (fifths + 1) / 2048, found[index])
    members[#members + 1] = found[index]
end
return { now, members }
