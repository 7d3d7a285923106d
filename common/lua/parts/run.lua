-- run: a job is one of those that train by a run, whose ids stand in one text; for the scripts that use it.
local function train_by(runs, run, id)
  local jobs = redis.call('HGET', runs, run)
  if not jobs then
    redis.call('HSET', runs, run, id)
  elseif not string.find(' ' .. jobs .. ' ', ' ' .. id .. ' ', 1, true) then
    redis.call('HSET', runs, run, jobs .. ' ' .. id)
  end
end
-- it trains by that run no more
local function leave(runs, run, id)
  local others = {}
  for other in string.gmatch(redis.call('HGET', runs, run) or '', '%x+') do
    if other ~= id then others[#others + 1] = other end
  end
  if others[1] then redis.call('HSET', runs, run, table.concat(others, ' ')) else redis.call('HDEL', runs, run) end
end
