-- line: the jobs that wait for a worker of one queue, by rank; for the scripts that use it.
-- A line (zset): job id -> rank. Its turns (zset): flow -> rank of its last job; 'now' -> rank of the last job taken.
-- Fair queueing: the jobs of one state, priority and batch are a flow; each of its jobs stands 1/weight behind the one
-- before it, and no job stands before one that was taken. So flows take turns, and each gets its weight's share.
local WEIGHTS = {high = 8, normal = 1, low = 1 / 8}
-- returns how many stand in line
local function enter_line(line, turns, id, created, state, batch, priority)
  if not redis.call('ZSCORE', line, id) then
    priority = priority or 'normal'
    local flow = state .. ' ' .. priority .. ' ' .. (batch or '')
    local r = redis.call('ZMSCORE', turns, 'now', flow)
    local rank = math.max(tonumber(r[1] or 0), tonumber(r[2] or 0)) + 1 / (WEIGHTS[priority] or 1)
    redis.call('ZADD', turns, rank, flow)
    redis.call('ZADD', line, rank + tonumber(created) % 86400000 / 864000000, id)  -- of equal ranks the older job is first
  end
  return redis.call('ZCARD', line)
end
