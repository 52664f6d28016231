-- renew: the lease of a process, for everything that it executes.
--
-- Keys: 1 workers, 2 dead. Arguments: owner, lease in ms.
-- Returns {now, 1}; {now, 0} if the owner was declared dead: it must go on under another name.
-- Invariant kept: who is declared dead stays dead.
local now = now_ms()
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then
    return { now, 0 }
end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
return { now, 1 }
