-- clock: ms since 1970 by the server's clock, or the tests' own; for the scripts that use it.
local function clock(given)
  local time = redis.call('TIME')
  return tonumber(given) or (time[1] * 1000 + math.floor(time[2] / 1000))
end
