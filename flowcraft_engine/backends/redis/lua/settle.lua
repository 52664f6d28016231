-- settle: errands are done; one that was set anew meanwhile stays.
--
-- Keys: 1 due. Arguments: member, score that it had when it was taken, member, score, ...
-- Returns 1.
-- Invariant kept: finishing an old errand never removes a new one of the same name.
for index = 1, #ARGV, 2 do
    if redis.call('ZSCORE', KEYS[1], ARGV[index]) == ARGV[index + 1] then
        redis.call('ZREM', KEYS[1], ARGV[index])
    end
end
return 1
