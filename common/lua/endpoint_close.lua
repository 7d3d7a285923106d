-- endpoint_close: an entry of the ledger ends, and what its endpoint cost is charged to those who pay for it, as one.
-- uses clock
-- KEYS 1 entry (hash)  2 wanted (zset)  3 running (zset)  4 closed (zset)  5 open (hash)  6 budgets (hash)  7 eased (set)
--      8... the jobs that pay (hash)
-- ARGV 1 now (ms, '' = the server's clock)  2 name  3 rev as it was read  4 minutes  5 their cost (micro-dollars)
--      6 number of jobs that pay  7... their ids, in the order of KEYS, then field, value pairs of the entry
-- returns 1 closed | 0 changed meanwhile, closed already, or not there
-- Each of n pays a nth, rounded so that the sum is exact. What was charged before (it was closed, and came back) is taken off.
local now = clock(ARGV[1])
local r = redis.call('HMGET', KEYS[1], 'state', 'rev', 'need', 'charged', 'charged_minutes')
if not r[1] or r[1] == 'closed' or r[2] ~= ARGV[3] then return 0 end
local count = tonumber(ARGV[6])
local function part(i, whole, before)
  local function upto(k, amount) return math.floor(amount * k / count) end
  return upto(i, whole) - upto(i - 1, whole) - upto(i, before) + upto(i - 1, before)
end
for i = 1, count do
  local id, job = ARGV[6 + i], KEYS[7 + i]
  local held, batch = string.match(redis.call('HGET', KEYS[1], 'pays ' .. id) or '', '^(%d+) (.*)$')
  local cost, free = part(i, tonumber(ARGV[5]), tonumber(r[4] or '') or 0), tonumber(held or 0)
  if batch then
    redis.call('HSET', KEYS[1], 'pays ' .. id, '0 ' .. batch)
    redis.call('HINCRBY', KEYS[6], 'reserved ' .. batch, string.format('%d', -free))
    redis.call('HINCRBY', KEYS[6], 'spent ' .. batch, string.format('%d', cost))
    if free > cost then redis.call('SADD', KEYS[7], batch) end
    if redis.call('EXISTS', job) == 1 then
      redis.call('HINCRBY', job, 'endpoint_cost', string.format('%d', cost))
      redis.call('HINCRBY', job, 'endpoint_minutes', string.format('%d', part(i, tonumber(ARGV[4]), tonumber(r[5] or '') or 0)))
      if redis.call('HINCRBY', job, 'bound_endpoint', string.format('%d', -free)) <= 0 then redis.call('HDEL', job, 'bound_endpoint') end
    end
  end
end
redis.call('HSET', KEYS[1], 'state', 'closed', 'since', now, 'minutes', ARGV[4], 'charged', ARGV[5], 'charged_minutes', ARGV[4],
  unpack(ARGV, 7 + count))
redis.call('HINCRBY', KEYS[1], 'rev', 1)
for i = 2, 3 do redis.call('ZREM', KEYS[i], ARGV[2]) end
redis.call('ZADD', KEYS[4], now, ARGV[2])
if redis.call('HGET', KEYS[5], r[3] or '') == ARGV[2] then redis.call('HDEL', KEYS[5], r[3]) end
return 1
