-- first: who is the first to do something about a run that needs doing once.
--
-- Keys: 1 hash of the run. Arguments: field that says that it was done.
-- Returns 1 to the first who asks; 0 to all others, and if there is no such run (any more).
-- Invariant kept: no key of a run that was retired comes back.
if redis.call('EXISTS', KEYS[1]) == 0 then
    return 0
end
return redis.call('HSETNX', KEYS[1], ARGV[1], '1')
