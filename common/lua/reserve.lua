-- reserve: set money aside for what a job is about to pay, where its batch's budget has room for all of it.
-- KEYS 1 job (hash)  2 budgets (hash)  3 jobs of the batch that are held (zset)  4 eased (set)
-- ARGV 1 job id  2 token  3 batch  4 for a run (micro-dollars, '' = as it is)  5 who expects that: local | platform
--      6 for an endpoint (micro-dollars, '' = as it is)
-- returns {'reserved'} | {'held', limit, reserved, spent}: no room, the job is made due when there is | {'lost'}: the
-- lease is somebody else's by now. What is set aside already for the same thing is replaced.
local r = redis.call('HMGET', KEYS[1], 'lease', 'created', 'reserved', 'reserved_endpoint')
if r[1] ~= ARGV[2] then return {'lost'} end
local function number(text) return tonumber(text or '') or 0 end
local run, endpoint = ARGV[4] ~= '' and ARGV[4] or r[3] or '', ARGV[6] ~= '' and ARGV[6] or r[4] or ''
local amount, before = number(run) + number(endpoint), number(r[3]) + number(r[4])
local b = redis.call('HMGET', KEYS[2], 'limit ' .. ARGV[3], 'reserved ' .. ARGV[3], 'spent ' .. ARGV[3])
local limit, reserved, spent = tonumber(b[1] or ''), number(b[2]), number(b[3])
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'estimate', ARGV[4], 'estimate_by', ARGV[5]) end
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'endpoint_estimate', ARGV[6]) end
if limit and amount > before and reserved - before + spent + amount > limit then
  redis.call('HSET', KEYS[1], 'held', 'budget', 'wants', string.format('%d', amount - before))
  redis.call('ZADD', KEYS[3], r[2], ARGV[1])
  return {'held', b[1], b[2] or '0', b[3] or '0'}
end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'reserved', run) end
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'reserved_endpoint', endpoint) end
redis.call('HSET', KEYS[1], 'held', '')
redis.call('HDEL', KEYS[1], 'wants')
redis.call('HINCRBY', KEYS[2], 'reserved ' .. ARGV[3], string.format('%d', amount - before))
if amount < before then redis.call('SADD', KEYS[4], ARGV[3]) end
redis.call('ZREM', KEYS[3], ARGV[1])
return {'reserved'}
