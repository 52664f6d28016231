-- find_runs: one page of the list of runs, without those that do not fit: nobody asks for a hundred thousand of them.
--
-- Keys: 1 runs or runs:<status>. Arguments: first and last number in the list, from 0, newest first; what stands before
-- and behind a run's id in the name of its hash; the blueprint id, '' for any; '1' to leave out sub-runs.
-- Returns {how many were looked at, when the last of them began, ids that fit...}.
-- Invariant kept: changes nothing. A page is bounded by the caller, so the server is held up for a moment only.
local ids = redis.call('ZREVRANGE', KEYS[1], ARGV[1], ARGV[2])
local oldest = #ids > 0 and redis.call('ZSCORE', KEYS[1], ids[#ids]) or '0'
local found = { #ids, oldest }
for _, id in ipairs(ids) do
    local row = redis.call('HMGET', ARGV[3] .. id .. ARGV[4], 'status', 'blueprint_id', 'parent')
    local is_top = not row[3] or row[3] == ''
    if row[1] and (ARGV[5] == '' or row[2] == ARGV[5]) and (ARGV[6] ~= '1' or is_top) then
        found[#found + 1] = id
    end
end
return found
