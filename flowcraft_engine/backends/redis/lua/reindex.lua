-- reindex: bring back what is derived from a journal, if the journal is where the caller has read it.
--
-- Keys: see apply.lua. Arguments: run id, id of the last append that the caller has read, then operations.
-- Returns {'ok', now}; {'conflict', now} if the run has moved on: look again.
-- Invariant kept: what is brought back is what the journal calls for now.
local now = now_ms()
if redis.call('HGET', KEYS[1], 'last') ~= ARGV[2] then
    return { 'conflict', now }
end
local failure = apply(3, ARGV[1], now)
if failure then
    return failure
end
return { 'ok', now }
