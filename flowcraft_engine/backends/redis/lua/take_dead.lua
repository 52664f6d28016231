-- take_dead: owners whose lease has run out, for one sweeper; the others look again after `patience`.
--
-- Keys: 1 workers, 2 dead. Arguments: most owners, patience in ms, lease in ms, for how many ms the caller has been
--   hearing from the server without a break, and when it has sent this, by the server's clock.
-- Returns {now, {owner, ...}}. They leave `dead` when all of their claims were taken back.
-- Invariant kept: nobody's claims are taken back before its lease has run out, nor before it had a whole lease to
--   come back to a server that was away, could not be reached (a failover), or stood still with this in its hands.
local now = now_ms()
local uptime = tonumber(string.match(redis.call('INFO', 'server'), 'uptime_in_seconds:(%d+)') or '0') * 1000
local lease = tonumber(ARGV[3])
if math.min(uptime, tonumber(ARGV[4])) > lease and now - tonumber(ARGV[5]) <= math.abs(lease) / 2 then
    local lapsed = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, tonumber(ARGV[1]))
    for _, owner in ipairs(lapsed) do
        redis.call('ZREM', KEYS[1], owner)
        redis.call('ZADD', KEYS[2], 0, owner)
    end
end
local owners = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, tonumber(ARGV[1]))
for _, owner in ipairs(owners) do
    redis.call('ZADD', KEYS[2], now + tonumber(ARGV[2]), owner)
end
return { now, owners }
