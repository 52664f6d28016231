-- renew: the lease of a process, for everything that it executes.
--
-- Keys: 1 workers, 2 dead, 3 manifests. Arguments: owner, lease in ms.
-- Returns {now, 1}; {now, 0} if the owner was declared dead: it must go on under another name; {now, 2} if its lease
--   had run out, or nobody knows what it can execute: jobs may be parked that fit it, so it must register again.
-- Invariant kept: who is declared dead stays dead. A server without memory refuses a script whose first write may
--   need some, so the first one here frees some: nobody loses its lease because others have filled the memory.
local now = now_ms()
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then
    return { now, 0 }
end
local lease_until = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or '0')
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
if lease_until < now or redis.call('HEXISTS', KEYS[3], ARGV[1]) == 0 then
    return { now, 2 }
end
return { now, 1 }
