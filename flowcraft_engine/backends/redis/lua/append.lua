-- append: add the events of one or more steps to a run's journal, if nobody else has been faster.
--
-- Keys: see apply.lua. Arguments: run id, expected position, new position, id of this append, events (JSON),
--   places of kept values (JSON or ''), then operations.
-- Returns {'ok', now}; {'conflict', now, entries...} with all that was appended after the expected position (among
--   it this very append, if its reply was lost); {'gone', now} if there is no such run.
-- Invariant kept: positions in the journal have no gap and no repeat; whoever appends has seen all before.
local now = now_ms()
local position = redis.call('HGET', KEYS[1], 'position')
if not position then
    return { 'gone', now }
end
if position ~= ARGV[2] then
    return { 'conflict', now, redis.call('XRANGE', KEYS[2], '(' .. ARGV[2] .. '-0', '+') }
end
redis.call('XADD', KEYS[2], ARGV[3] .. '-0', 'by', ARGV[4], 'events', ARGV[5], 'kept', ARGV[6])
redis.call('HSET', KEYS[1], 'position', ARGV[3])
local failure = apply(7, ARGV[1], now)
if failure then
    return failure
end
return { 'ok', now }
