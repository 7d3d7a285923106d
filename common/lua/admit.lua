-- admit: take a slot, the right to have a run at the platform, and write the intent to pay for it: both or neither.
-- KEYS 1 job (hash)  2 slots (zset)  3 slot line (zset)  4 index of `uploaded` (zset)  5 index of `training` (zset)
--      6 who joined a run (zset)
-- ARGV 1 now (ms, '' = the server's clock)  2 job id  3 token  4 at most so many runs ('' = any number)
-- returns {'admitted'} | {'full', runs under way} | {'lost'}: the lease is somebody else's by now
-- Under way is what trains by a run of its own, and what may be paid now: a slot counts until its job is seen in training, or to have ended.
-- Who comes new takes no slot past those that wait for one; who has one (an answer got lost, a crash) keeps it.
local time = redis.call('TIME')
local now = tonumber(ARGV[1]) or (time[1] * 1000 + math.floor(time[2] / 1000))
local id = ARGV[2]
if redis.call('HGET', KEYS[1], 'lease') ~= ARGV[3] then return {'lost'} end
if ARGV[4] ~= '' and not redis.call('ZSCORE', KEYS[2], id) then
  local under_way = redis.call('ZCARD', KEYS[5]) - redis.call('ZINTERCARD', 2, KEYS[5], KEYS[6])
  for _, other in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    if redis.call('ZSCORE', KEYS[4], other) then under_way = under_way + 1 else redis.call('ZREM', KEYS[2], other) end
  end
  local waiting = redis.call('ZRANGEBYLEX', KEYS[3], string.format('[%06d', under_way + 1), '+', 'LIMIT', 0, 1)
  if under_way >= tonumber(ARGV[4]) or waiting[1] then return {'full', under_way} end
end
redis.call('ZADD', KEYS[2], 0, id)
redis.call('ZREM', KEYS[6], id)
redis.call('HSET', KEYS[1], 'intent', string.format('%.3f', now / 1000), 'updated', now)
return {'admitted'}
