-- write_logs: what nodes of a run have said, behind what is there, once.
--
-- Keys: 1 hash of the run, 2 logs. Arguments: how many parts there must be, or ''; parts (JSON).
-- Returns 1; 0 if there is no such run (any more), if others have written meanwhile, or if it was all written by a try
--   before this one, whose reply was lost.
-- Invariant kept: no key of a run that was retired comes back. Lines have their times, so no part is like another one;
--   one that is written again has not become old.
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('LPOS', KEYS[2], ARGV[2], 'RANK', -1, 'MAXLEN', 1000) then
    return 0
end
if ARGV[1] ~= '' and redis.call('LLEN', KEYS[2]) ~= tonumber(ARGV[1]) then
    return 0
end
redis.call('RPUSH', KEYS[2], unpack(ARGV, 2))
return 1
