-- Puts messages at the end of a queue, in the order given, as Dramatiq's own "enqueue" would.
--
-- KEYS[1]  list of the ids that wait
-- KEYS[2]  hash of the messages by id
-- ARGV     id, message, id, message, ...
-- Returns how many were new.
-- Keeps: an id is in the list at most once for each time that it was published, so a call may be repeated when
-- its reply was lost. (If the message was fetched and acknowledged in between, it comes twice: it is a hint.)

local new = 0
for i = 1, #ARGV, 2 do
    if redis.call("hsetnx", KEYS[2], ARGV[i], ARGV[i + 1]) == 1 then
        redis.call("rpush", KEYS[1], ARGV[i])
        new = new + 1
    end
end
return new
