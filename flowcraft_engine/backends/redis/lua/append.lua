-- append: add the events of one or more steps to a run's journal, if nobody else has been faster.
--
-- Keys: see apply.lua. Arguments: run id, expected position, new position, id of this append, id of the append that
--   began the run, events (JSON), places of kept values (JSON or ''), then operations.
-- Returns {'ok', now}; {'conflict', now, entries...} with all that was appended after the expected position (among
--   it this very append, if its reply was lost); {'gone', now} if there is no such run, or another one of its name.
-- Invariant kept: positions in the journal have no gap and no repeat; whoever appends has seen all before.
local now = now_ms()
local known = redis.call('HMGET', KEYS[1], 'position', 'begun_by')
local position = known[1]
if not position or known[2] ~= ARGV[5] then
    return { 'gone', now }
end
if position ~= ARGV[2] then
    return { 'conflict', now, redis.call('XRANGE', KEYS[2], '(' .. ARGV[2] .. '-0', '+') }
end
redis.call('XADD', KEYS[2], ARGV[3] .. '-0', 'by', ARGV[4], 'events', ARGV[6], 'kept', ARGV[7])
redis.call('HSET', KEYS[1], 'position', ARGV[3])
local failure = apply(8, ARGV[1], now)
if failure then
    return failure
end
return { 'ok', now }
