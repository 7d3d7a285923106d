-- rate: requests a second that a pace allows now, nil where none is known; for the scripts that use it.
-- It grows with the calm: seconds since it last fell, and the pause then was over. A guess (nobody knows yet what is
-- taken) doubles each second. Else a cubic, as TCP CUBIC has it (RFC 9438): soon near the ceiling, which is where
-- requests were refused; flat around there; then, where nothing is refused, faster and faster. After 60 s it is forgotten.
-- returns rate (requests/s or nil), calm (s), the record
local STEEP = 0.01
local function rate_of(key, now)
  local r = redis.call('HMGET', key, 'low', 'ceiling', 'since', 'guess', 'limited')
  local low, ceiling, calm = tonumber(r[1]), tonumber(r[2]), math.max(0, now - (tonumber(r[3]) or 0)) / 1000
  local known = {low = low, ceiling = ceiling, guess = r[4] == '1', since = tonumber(r[3]) or 0,
    limited = tonumber(r[5]) or 0}
  if not low or calm > 60 then return nil, calm, known end
  if known.guess then return low * 2 ^ calm, calm, known end
  return ceiling * (1 + STEEP * (calm - ((1 - low / ceiling) / STEEP) ^ (1 / 3)) ^ 3), calm, known
end
