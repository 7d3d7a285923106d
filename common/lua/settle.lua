-- settle: what a job's run cost takes the place of what was set aside for it; a job that ended without a run gives it back.
-- KEYS 1 job (hash)  2 budgets (hash)  3 unsettled (set)  4 eased (set)
-- ARGV 1 job id
-- returns the fingerprint of the run that it was to pay for, where it ended otherwise than by success; else ''
-- A run's price counts once. Where the platform told none, what was set aside counts, once the job has ended.
redis.call('SREM', KEYS[3], ARGV[1])
local names = {'state', 'batch', 'reserved', 'reserved_endpoint', 'price', 'run_id', 'settled', 'paid', 'intent',
  'spent', 'shares', 'payer'}
local r = {}
for i, value in ipairs(redis.call('HMGET', KEYS[1], unpack(names))) do r[names[i]] = value or '' end
if r.state == '' then return '' end
local bad = r.state == 'failed' or r.state == 'cancelled'
local ended = bad or r.state == 'succeeded'
local reserved, price, cost, by = tonumber(r.reserved) or 0, tonumber(r.price), nil, 'platform'
if price and r.payer == '' and r.run_id ~= r.settled then
  cost = price
elseif ended and r.reserved ~= '' then
  cost, by = (r.paid ~= '' or r.intent ~= '') and reserved or 0, 'estimate'
end
local free = 0
if cost then
  local spent = (tonumber(r.spent) or 0) + cost
  redis.call('HSET', KEYS[1], 'reserved', '', 'settled', r.run_id, 'spent', string.format('%d', spent))
  if by == 'estimate' and cost > 0 then redis.call('HSET', KEYS[1], 'spent_by', by) end
  redis.call('HINCRBY', KEYS[2], 'reserved ' .. r.batch, string.format('%d', -reserved))
  redis.call('HINCRBY', KEYS[2], 'spent ' .. r.batch, string.format('%d', cost))
  free = reserved - cost
end
if ended and r.reserved_endpoint ~= '' then
  redis.call('HSET', KEYS[1], 'reserved_endpoint', '')
  redis.call('HINCRBY', KEYS[2], 'reserved ' .. r.batch, '-' .. r.reserved_endpoint)
  free = free + tonumber(r.reserved_endpoint)
end
if free > 0 then redis.call('SADD', KEYS[4], r.batch) end
return bad and r.shares or ''
