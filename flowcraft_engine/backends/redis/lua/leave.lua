-- leave: a process ends, and says goodbye.
--
-- Keys: 1 claims of the owner, 2 workers, 3 dead, 4 manifests. Arguments: owner.
-- Returns 1; 0 if it still has claims: then it counts as dead.
-- Invariant kept: an owner that has claims is watched.
redis.call('ZREM', KEYS[2], ARGV[1])
if redis.call('SCARD', KEYS[1]) > 0 then
    redis.call('ZADD', KEYS[3], 'NX', 0, ARGV[1])
    return 0
end
redis.call('HDEL', KEYS[4], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
return 1
