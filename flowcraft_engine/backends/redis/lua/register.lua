-- register: a worker says what it can execute, and takes along what was parked.
--
-- Keys: 1 workers, 2 dead, 3 manifests, 4 registrations, 5 parked. Arguments: owner, lease in ms, manifest (JSON).
-- Returns {now, registrations, {member, queue, member, queue, ...}}: all parked jobs, to be made ready again. Nothing
--   changes, and none are returned, if the owner was declared dead: `renew` tells it to go on under another name.
-- Invariant kept: a parked job is looked at again after every registration. Who is declared dead stays dead.
local now = now_ms()
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then
    return { now, 0, {} }
end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[3])
local count = redis.call('INCR', KEYS[4])
return { now, count, redis.call('HGETALL', KEYS[5]) }
