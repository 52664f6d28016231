-- take_due: what is due now, for one sweeper; the others look again after `patience`, should this one die.
--
-- Keys: 1 due. Arguments: most members, patience in ms.
-- Returns {now, when the next member is due or '', score of those taken, {member, ...}}. That score ends in half a
--   millisecond, which no other does: settle.lua tells it from a time that was set anew.
-- Invariant kept: a member leaves the set only when what it stands for was done (settle.lua).
local now = now_ms()
local later = string.format('%.1f', now + tonumber(ARGV[2]) + 0.5)
local members = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, tonumber(ARGV[1]))
for _, member in ipairs(members) do
    redis.call('ZADD', KEYS[1], later, member)
end
local next_due = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or ''
return { now, next_due, later, members }
