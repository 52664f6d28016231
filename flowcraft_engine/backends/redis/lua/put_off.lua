-- put_off: errands that have failed are due again later; one that was set anew meanwhile stays.
--
-- Keys: 1 due. Arguments: pause in ms, member, score that it had when it was taken, member, score, ...
-- Returns 1.
-- Invariant kept: a member leaves the set only when what it stands for was done (settle.lua). Its score ends in half a
--   millisecond, as in take_due.lua.
local later = string.format('%.1f', now_ms() + tonumber(ARGV[1]) + 0.5)
for index = 2, #ARGV, 2 do
    if redis.call('ZSCORE', KEYS[1], ARGV[index]) == ARGV[index + 1] then
        redis.call('ZADD', KEYS[1], later, ARGV[index])
    end
end
return 1
