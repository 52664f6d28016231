-- forget: entries of a run that is gone, in indexes where it was left.
--
-- Keys: 1 hash of the run, 2 parked, then sorted sets. Arguments: member.
-- Returns 1; 0 if there is such a run (again).
-- Invariant kept: nothing of a run that exists is forgotten.
if redis.call('EXISTS', KEYS[1]) == 1 then
    return 0
end
redis.call('HDEL', KEYS[2], ARGV[1])
for index = 3, #KEYS do
    redis.call('ZREM', KEYS[index], ARGV[1])
end
return 1
