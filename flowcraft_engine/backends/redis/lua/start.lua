-- start: begin a run, once.
--
-- Keys: see apply.lua, then 14 blueprints, 15 blueprint-users, 16 queues, 17 blueprint of the run (its id, the
--   fallback of the one in the context). Arguments: run id, id of this append, new position, events (JSON), places
--   of kept values, blueprint id, version or '', queue, count of digests, the digests, then operations.
-- Returns {'ok', now}; {'exists', now, id of the append that began it}; {'missing', now, digest} if the snapshot of
--   a blueprint must be stored first.
-- Invariant kept: a run never exists without the blueprints of all runs that it may start.
local now = now_ms()
local known = redis.call('HGET', KEYS[1], 'begun_by')
if known then
    return { 'exists', now, known }
end
local count = tonumber(ARGV[9])
for index = 10, 9 + count do
    if redis.call('HEXISTS', KEYS[14], ARGV[index]) == 0 then
        return { 'missing', now, ARGV[index] }
    end
end
for index = 10, 9 + count do
    redis.call('HINCRBY', KEYS[15], ARGV[index], 1)
end
redis.call('XADD', KEYS[2], ARGV[3] .. '-0', 'by', ARGV[2], 'events', ARGV[4], 'kept', ARGV[5])
redis.call('HSET', KEYS[1], 'begun_by', ARGV[2], 'last', ARGV[2])
redis.call('HSET', KEYS[3], '_blueprint_id', ARGV[6], '_blueprint_version', ARGV[7])
redis.call('SET', KEYS[17], ARGV[6])
redis.call('SADD', KEYS[16], ARGV[8])
local failure = apply(10 + count, ARGV[1], now)
if failure then
    return failure
end
return { 'ok', now }
