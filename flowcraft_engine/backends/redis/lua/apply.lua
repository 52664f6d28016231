-- Prologue of the scripts that append to a journal: what follows from the new events, as a list of operations.
--
-- Operations stand in ARGV from `first` on, each a letter and its arguments:
--   C key json      a context key is set                D key           ... or deleted
--   V digest json   a large value is kept
--   R member        an instance is ready                r member        ... or no longer
--                                                       p member        ... nor parked
--   T ms member     something is due (+n: in n ms)      t member        ... or no longer
--   L n member owner   an owner executes an instance    l n member      ... or no longer; n: see below
--   H run           a child run belongs to this run
--   S field value   a fact about the run
--   B us            the run begins, at that time        F status        the run has ended
--   K run           the run is retired after a while    X run           the run was stopped from outside
--   G run           the run had ended, and goes on
-- Keys: 1 run, 2 events, 3 context, 4 values, 5 unclaimed, 6 due, 7 dead, 8 children; for B, F, G, K and X also
--   9 runs, 10 runs:running, 11 finished, 12 runs:<final status>, 13 stopped. Claims of owners come last of all
--   keys, and L and l count them from the end, from 0 on.
-- Invariant kept: the journal and everything that is derived from it change in one step, or not at all.
local function apply(first, run_id, now)
    local at = first
    local last = #ARGV
    while at <= last do
        local op, a, b = ARGV[at], ARGV[at + 1], ARGV[at + 2]
        if op == 'R' then
            redis.call('ZADD', KEYS[5], now, a)
            at = at + 2
        elseif op == 'r' then
            redis.call('ZREM', KEYS[5], a)
            at = at + 2
        elseif op == 'p' then
            redis.call('HDEL', string.sub(KEYS[7], 1, -5) .. 'parked', a)
            at = at + 2
        elseif op == 'L' then
            redis.call('SADD', KEYS[#KEYS - tonumber(a)], b)
            -- An owner that was buried, and does not know it yet: somebody must look after it once more.
            local buried = redis.call('ZSCORE', KEYS[7], ARGV[at + 3])
            if buried and tonumber(buried) > now + 10000 then
                redis.call('ZADD', KEYS[7], now + 10000, ARGV[at + 3])
            elseif not buried then
                -- A server that came back with less than it had may not know it. It is watched until it is heard of.
                redis.call('ZADD', string.sub(KEYS[7], 1, -5) .. 'workers', 'NX', now + 10000, ARGV[at + 3])
            end
            at = at + 4
        elseif op == 'l' then
            redis.call('SREM', KEYS[#KEYS - tonumber(a)], b)
            at = at + 3
        elseif op == 'C' then
            redis.call('HSET', KEYS[3], a, b)
            at = at + 3
        elseif op == 'D' then
            redis.call('HDEL', KEYS[3], a)
            at = at + 2
        elseif op == 'V' then
            redis.call('HSET', KEYS[4], a, b)
            at = at + 3
        elseif op == 'T' then
            local score = a
            if string.sub(a, 1, 1) == '+' then
                score = now + tonumber(string.sub(a, 2))
            end
            redis.call('ZADD', KEYS[6], score, b)
            at = at + 3
        elseif op == 't' then
            redis.call('ZREM', KEYS[6], a)
            at = at + 2
        elseif op == 'S' then
            redis.call('HSET', KEYS[1], a, b)
            at = at + 3
        elseif op == 'B' then
            redis.call('ZADD', KEYS[9], a, run_id)
            redis.call('ZADD', KEYS[10], a, run_id)
            at = at + 2
        elseif op == 'F' then
            local created = redis.call('ZSCORE', KEYS[9], run_id) or now * 1000
            redis.call('ZREM', KEYS[10], run_id)
            redis.call('ZADD', KEYS[12], created, run_id)
            at = at + 2
        elseif op == 'G' then
            local created = redis.call('ZSCORE', KEYS[9], a) or now * 1000
            -- KEYS[10] ends with the status `running`; those beside it are for the statuses of an end.
            local index = string.sub(KEYS[10], 1, -8)
            for _, status in ipairs({ 'completed', 'failed', 'cancelled' }) do
                redis.call('ZREM', index .. status, a)
            end
            redis.call('ZREM', KEYS[11], a)
            redis.call('ZADD', KEYS[10], created, a)
            at = at + 2
        elseif op == 'K' then
            redis.call('ZADD', KEYS[11], now, a)
            at = at + 2
        elseif op == 'H' then
            redis.call('SADD', KEYS[8], a)
            at = at + 2
        elseif op == 'X' then
            redis.call('XADD', KEYS[13], 'MAXLEN', '~', 1000, '*', 'run', a)
            at = at + 2
        else
            return redis.error_reply('flowcraft: unknown operation ' .. tostring(op))
        end
    end
    return nil
end
