-- append: add the events of one or more steps to a run's journal, if nobody else has been faster.
--
-- Keys: see apply.lua. Arguments: run id, expected position, id of the append expected there, new position, id of this
--   append, events (JSON), places of kept values (JSON or ''), then operations.
-- Returns {'ok', now}; {'conflict', now, entries} with the entry at the expected position and all that follow (among
--   them this very append, if its reply was lost; another entry at that position, or none, if the server has come back
--   with less than it had); {'gone', now} if there is no such run.
-- Invariant kept: positions in the journal have no gap and no repeat; whoever appends has seen all before.
local now = now_ms()
local last = redis.call('HGET', KEYS[1], 'last')
if not last then
    return { 'gone', now }
end
if last ~= ARGV[3] then
    return { 'conflict', now, redis.call('XRANGE', KEYS[2], ARGV[2] .. '-0', '+') }
end
redis.call('XADD', KEYS[2], ARGV[4] .. '-0', 'by', ARGV[5], 'events', ARGV[6], 'kept', ARGV[7])
redis.call('HSET', KEYS[1], 'last', ARGV[5])
local failure = apply(8, ARGV[1], now)
if failure then
    return failure
end
return { 'ok', now }
