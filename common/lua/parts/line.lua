-- line: the jobs that wait for a worker of one queue, by rank; for the scripts that use it.
-- A line (zset): job id -> rank. Its turns (zset): flow -> rank of its last job; 'now' -> rank of the last job taken.
-- Fair queueing: the jobs of one state, priority and batch are a flow; each of its jobs stands 1/weight behind the one
-- before it, and no job stands before one that was taken. So flows take turns, and each gets its weight's share.
local WEIGHTS = {high = 8, normal = 1, low = 1 / 8}
-- the jobs `ids` of one flow, with when each was created; who stands there already keeps its place
-- returns how many stand in line
local function enter_line(line, turns, ids, created, state, batch, priority)
  priority = priority or 'normal'
  local flow, step, places = state .. ' ' .. priority .. ' ' .. (batch or ''), 1 / (WEIGHTS[priority] or 1), {}
  local standing, r = redis.call('ZMSCORE', line, unpack(ids)), redis.call('ZMSCORE', turns, 'now', flow)
  local rank = math.max(tonumber(r[1] or 0), tonumber(r[2] or 0))
  for i, id in ipairs(ids) do
    if not standing[i] then
      rank = rank + step
      places[#places + 1] = rank + tonumber(created[i]) % 86400000 / 864000000  -- of equal ranks the older job is first
      places[#places + 1] = id
    end
  end
  if places[1] then
    redis.call('ZADD', turns, rank, flow)
    redis.call('ZADD', line, unpack(places))
  end
  return redis.call('ZCARD', line)
end
