-- reserve: set money aside for what a job is about to pay, where its batch's budget has room for it.
-- KEYS 1 job (hash)  2 budgets (hash)  3 jobs of the batch that are held (zset)
-- ARGV 1 job id  2 token  3 batch  4 field of the record: reserved | reserved_endpoint  5 amount (micro-dollars)
--      6 who expects it: local | platform
-- returns {'reserved'} | {'held', limit, reserved, spent}: no room, the job is made due when there is | {'lost'}: the
-- lease is somebody else's by now. What is set aside already for the same thing is replaced.
local r = redis.call('HMGET', KEYS[1], 'lease', 'created', ARGV[4])
if r[1] ~= ARGV[2] then return {'lost'} end
local batch, amount, before = ARGV[3], tonumber(ARGV[5]), tonumber(r[3] or '') or 0
local b = redis.call('HMGET', KEYS[2], 'limit ' .. batch, 'reserved ' .. batch, 'spent ' .. batch)
local limit, reserved, spent = tonumber(b[1] or ''), tonumber(b[2] or '') or 0, tonumber(b[3] or '') or 0
if ARGV[4] == 'reserved' then redis.call('HSET', KEYS[1], 'estimate', ARGV[5], 'estimate_by', ARGV[6]) end
if limit and amount > before and reserved - before + spent + amount > limit then
  redis.call('HSET', KEYS[1], 'held', 'budget')
  redis.call('ZADD', KEYS[3], r[2], ARGV[1])
  return {'held', b[1], b[2] or '0', b[3] or '0'}
end
redis.call('HSET', KEYS[1], ARGV[4], ARGV[5], 'held', '')
redis.call('HINCRBY', KEYS[2], 'reserved ' .. batch, string.format('%d', amount - before))
redis.call('ZREM', KEYS[3], ARGV[1])
return {'reserved'}
