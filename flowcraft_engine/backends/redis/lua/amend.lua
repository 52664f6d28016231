-- amend: write fields and texts that belong to a run beside its journal, if there is such a run.
--
-- Keys: 1 hash of the run, then where each of them stands. Arguments: for each a field of a hash, '' for a text of its
--   own, and the value.
-- Returns 1; 0 if there is no such run (any more).
-- Invariant kept: no key of a run that was retired comes back.
if redis.call('EXISTS', KEYS[1]) == 0 then
    return 0
end
for index = 2, #KEYS do
    local field, value = ARGV[2 * index - 3], ARGV[2 * index - 2]
    if field == '' then
        redis.call('SET', KEYS[index], value)
    else
        redis.call('HSET', KEYS[index], field, value)
    end
end
return 1
