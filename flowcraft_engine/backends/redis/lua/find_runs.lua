-- find_runs: one page of the list of runs, without those that do not fit: nobody asks for a hundred thousand of them.
--
-- Keys: 1 runs or runs:<status>. Arguments: first and last number in the list, from 0, newest first; what stands before
-- and behind a run's id in the name of its hash; the blueprint id, '' for any; '1' to leave out sub-runs.
-- Returns {how many were looked at, when the last of them began, ids that fit...}.
-- Invariant kept: changes nothing. A page is bounded by the caller, so the server is held up for a moment only.
local function fits(id)
    local key = ARGV[3] .. id .. ARGV[4]
    -- First what most runs fail at, where that is asked for: each look at a hash counts.
    if ARGV[5] ~= '' and redis.call('HGET', key, 'blueprint_id') ~= ARGV[5] then
        return false
    end
    local row = redis.call('HMGET', key, 'status', 'parent')
    return row[1] and (ARGV[6] ~= '1' or not row[2] or row[2] == '')
end
local ids = redis.call('ZREVRANGE', KEYS[1], ARGV[1], ARGV[2])
local oldest = #ids > 0 and redis.call('ZSCORE', KEYS[1], ids[#ids]) or '0'
local found = { #ids, oldest }
for _, id in ipairs(ids) do
    if fits(id) then
        found[#found + 1] = id
    end
end
return found
