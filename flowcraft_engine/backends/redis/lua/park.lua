-- park: set a job aside for which no live worker fits.
--
-- Keys: 1 registrations, 2 parked, 3 unclaimed of its queue. Arguments: registrations that the caller has seen,
--   member, queue.
-- Returns 1; 0 if a worker has registered since: the caller must look again.
-- Invariant kept: no job is parked past the registration of a worker that fits.
if (redis.call('GET', KEYS[1]) or '0') ~= ARGV[1] then
    return 0
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
redis.call('ZREM', KEYS[3], ARGV[2])
return 1
