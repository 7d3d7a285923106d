-- charge: what a job's endpoints have cost so far counts in its batch's budget.
-- KEYS 1 job (hash)  2 budgets (hash)  3 eased (set)
-- ARGV 1 amount so far, of all its endpoints (micro-dollars)  2 their minutes so far  3 'done': no more is to come, and
--      what was set aside for it is given back
-- returns 1 counted | 0 the job is gone. The same amount once more changes nothing.
local r = redis.call('HMGET', KEYS[1], 'batch', 'endpoint_cost', 'reserved_endpoint')
if not r[1] then return 0 end
local more = tonumber(ARGV[1]) - (tonumber(r[2] or '') or 0)
redis.call('HSET', KEYS[1], 'endpoint_cost', ARGV[1], 'endpoint_minutes', ARGV[2])
redis.call('HINCRBY', KEYS[2], 'spent ' .. r[1], string.format('%d', more))
local reserved = tonumber(r[3] or '') or 0
if reserved > 0 then
  local left = ARGV[3] == 'done' and 0 or math.max(0, reserved - more)
  redis.call('HSET', KEYS[1], 'reserved_endpoint', left == 0 and '' or string.format('%d', left))
  redis.call('HINCRBY', KEYS[2], 'reserved ' .. r[1], string.format('%d', left - reserved))
  if reserved - left > more then redis.call('SADD', KEYS[3], r[1]) end
end
return 1
