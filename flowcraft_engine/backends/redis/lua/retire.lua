-- retire: forget a run that has ended, wholly.
--
-- Keys: 1 runs, 2 runs:<status>, 3 finished, 4 blueprints, 5 blueprint-users, then all keys of the run, first its
--   hash. Arguments: run id, status, then the digests that it pinned.
-- Returns 1; 0 if the run is not there, or not in that status (any more).
-- Invariant kept: all keys of a run go in one step; a snapshot stays as long as a run needs it. The keys go first: a
--   server without memory refuses a script whose first write may need some, and this one shall make room.
if redis.call('HGET', KEYS[6], 'status') ~= ARGV[2] then
    return 0
end
for index = 6, #KEYS do
    redis.call('DEL', KEYS[index])
end
for index = 1, 3 do
    redis.call('ZREM', KEYS[index], ARGV[1])
end
for index = 3, #ARGV do
    if redis.call('HINCRBY', KEYS[5], ARGV[index], -1) <= 0 then
        redis.call('HDEL', KEYS[4], ARGV[index])
        redis.call('HDEL', KEYS[5], ARGV[index])
    end
end
return 1
