-- retire: forget a run that has ended, wholly.
--
-- Keys: 1 run, 2 events, 3 context, 4 values, 5 blueprint, 6 runs, 7 runs:<status>, 8 finished, 9 blueprints,
--   10 blueprint-users, then further keys of the run. Arguments: run id, status, then the digests that it pinned.
-- Returns 1; 0 if the run is not there, or not in that status (any more).
-- Invariant kept: all keys of a run go in one step; a snapshot stays as long as a run needs it.
if redis.call('HGET', KEYS[1], 'status') ~= ARGV[2] then
    return 0
end
for index = 3, #ARGV do
    if redis.call('HINCRBY', KEYS[10], ARGV[index], -1) <= 0 then
        redis.call('HDEL', KEYS[9], ARGV[index])
        redis.call('HDEL', KEYS[10], ARGV[index])
    end
end
for index = 1, 5 do
    redis.call('DEL', KEYS[index])
end
for index = 11, #KEYS do
    redis.call('DEL', KEYS[index])
end
redis.call('ZREM', KEYS[6], ARGV[1])
redis.call('ZREM', KEYS[7], ARGV[1])
redis.call('ZREM', KEYS[8], ARGV[1])
return 1
