-- take_expired: runs that ended long ago, for one sweeper; one that cannot be retired is looked at again after `patience`.
--
-- Keys: 1 finished. Arguments: most runs, retention in ms, patience in ms.
-- Returns {now, {run, ...}}. They leave the set when they are retired.
-- Invariant kept: whatever is wrong with some runs, all others get their turn. A server without memory, which refuses a
--   script whose first write may need some, gives them, too: the first write here frees some.
local bound = now_ms() - tonumber(ARGV[2])
local runs = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', bound, 'LIMIT', 0, tonumber(ARGV[1]))
for _, run in ipairs(runs) do
    redis.call('ZREM', KEYS[1], run)
    redis.call('ZADD', KEYS[1], bound + tonumber(ARGV[3]), run)
end
return { now_ms(), runs }
