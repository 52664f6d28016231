-- Prologue of the scripts that ask for the time: the server's clock, in whole milliseconds. Tests put another one in its place.
local function now_ms()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end
