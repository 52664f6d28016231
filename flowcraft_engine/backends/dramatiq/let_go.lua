-- Lets go of messages that a consumer holds, as Dramatiq's own "ack" and "requeue" would, many at once.
--
-- KEYS[1]  set of the ids that the consumer holds
-- KEYS[2]  hash of the messages by id
-- KEYS[3]  list of the ids that wait
-- ARGV[1]  "ack": they are done, or "requeue": they go to the end of the queue
-- ARGV     ids from the second on
-- Returns how many were held.
-- Keeps: what others hold meanwhile, because this consumer seemed to be dead, stays as it is; so a call may be
-- repeated when its reply was lost.

local held = 0
for i = 2, #ARGV do
    local id = ARGV[i]
    if redis.call("srem", KEYS[1], id) == 1 then
        held = held + 1
        if ARGV[1] == "ack" then
            redis.call("hdel", KEYS[2], id)
        elseif redis.call("hexists", KEYS[2], id) == 1 then
            redis.call("rpush", KEYS[3], id)
        end
    end
end
return held
