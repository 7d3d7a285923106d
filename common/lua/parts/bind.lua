-- bind: what a job has set aside for an endpoint is for this entry of the ledger from now on; for the scripts that use it.
-- The entry's field 'pays <job id>' is '<micro-dollars set aside> <batch>', whoever else needs it, and once only.
local function bind(entry, name, job, id, fact)
  if redis.call('EXISTS', job) == 0 then return end
  redis.call('HSET', job, fact, name)
  local r = redis.call('HMGET', job, 'batch', 'reserved_endpoint')
  local amount = string.format('%d', tonumber(r[2] or '') or 0)
  if redis.call('HSETNX', entry, 'pays ' .. id, amount .. ' ' .. (r[1] or '')) == 1 then
    redis.call('HDEL', job, 'reserved_endpoint')
    redis.call('HINCRBY', job, 'bound_endpoint', amount)
  end
end
