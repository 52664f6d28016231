-- unpark: a job is about to be published that was set aside, or whose message is lost.
--
-- Keys: 1 unclaimed of its queue, 2 parked. Arguments: member.
-- Returns 1; 0 if it is in neither, for its instance was claimed meanwhile, or an index was lost.
-- Invariant kept: nobody looks for the message of an instance that was claimed.
local now = now_ms()
if redis.call('HDEL', KEYS[2], ARGV[1]) == 0 and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
    return 0
end
redis.call('ZADD', KEYS[1], now, ARGV[1])
return 1
