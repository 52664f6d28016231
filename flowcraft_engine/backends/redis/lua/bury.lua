-- bury: all claims of a dead owner were taken back.
--
-- Keys: 1 claims of the owner, 2 workers, 3 dead, 4 manifests, then hashes of runs. Arguments: owner, how long to
--   remember it in ms, then for each of those runs: a member of the claims that the owner does not execute, as the
--   journal says, and the id of the last append that the caller has read; '' if there is no such run.
-- Returns 1; 0 if it still has claims: it is looked at again.
-- Invariant kept: an owner that has claims is watched. One that comes back is told that it was dead.
local now = now_ms()
for index = 5, #KEYS do
    local at = 2 * index - 7
    -- A run that has moved on is looked at again: the owner may have claimed that anew.
    if (redis.call('HGET', KEYS[index], 'last') or '') == ARGV[at + 1] then
        redis.call('SREM', KEYS[1], ARGV[at])
    end
end
if redis.call('SCARD', KEYS[1]) > 0 then
    return 0
end
redis.call('ZREM', KEYS[2], ARGV[1])
if redis.call('HDEL', KEYS[4], ARGV[1]) == 1 then
    redis.call('ZADD', KEYS[3], now + tonumber(ARGV[2]), ARGV[1])
else
    -- It was remembered for as long as that, or nobody ever knew it.
    redis.call('ZREM', KEYS[3], ARGV[1])
end
return 1
