-- create: store a job, its event, its place in `due` and its index entries, once.
-- KEYS 1 job (hash)  2 due (zset)  3 jobs (zset)  4 state index (zset)  5 idempotency (hash)  6 events (stream)
--      7 batch (zset)  8 batches (zset)
-- ARGV 1 now (ms, '' = the server's clock)  2 job id  3 idempotency key ('' = none)  4 digest  5 deadline (ms from now)
--      6 first look (ms from now)  7 events kept  8 actor  9 batch (name)  10... field, value pairs of the record
-- returns {'created', id} | {'exists', id} | {'conflict', id}: the key has another content | {'taken', id}: draw another id
-- A submit whose answer got lost is sent again, the same id in it: that one was created.
local time = redis.call('TIME')
local now = tonumber(ARGV[1]) or (time[1] * 1000 + math.floor(time[2] / 1000))
local id, key = ARGV[2], ARGV[3]
if key ~= '' then
  local known = redis.call('HGET', KEYS[5], key)
  if known then
    local name, digest = string.match(known, '^(%x+) (%x+)$')
    return {digest ~= ARGV[4] and 'conflict' or name == id and 'created' or 'exists', name}
  end
end
local there = redis.call('HMGET', KEYS[1], 'digest', 'created', 'key')
if there[1] then
  local again = there[1] == ARGV[4] and there[3] == key and now - tonumber(there[2]) < 60000
  return {again and 'created' or 'taken', id}
end
local order = string.format('%.3f', now + (redis.call('ZCARD', KEYS[3]) % 1000) / 1000)  -- jobs of one ms in their order
local record = {'id', id, 'v', '1', 'key', key, 'digest', ARGV[4], 'state', 'accepted', 'since', now, 'created', order,
  'updated', now, 'attempt', 1, 'crashes', 0, 'lease', '', 'lease_until', 0, 'not_before', 0, 'wish', '',
  'rev', 1, 'deadline', now + tonumber(ARGV[5]), 'batch', ARGV[9]}
for i = 10, #ARGV do record[#record + 1] = ARGV[i] end
redis.call('HSET', KEYS[1], unpack(record))
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[6]), id)
redis.call('ZADD', KEYS[3], order, id)
redis.call('ZADD', KEYS[4], order, id)
if ARGV[9] ~= '' then
  redis.call('ZADD', KEYS[7], order, id)
  redis.call('ZADD', KEYS[8], 'NX', now, ARGV[9])
end
if key ~= '' then redis.call('HSET', KEYS[5], key, id .. ' ' .. ARGV[4]) end
redis.call('XADD', KEYS[6], 'MAXLEN', '~', ARGV[7], '*', 'job', id, 'type', 'job_accepted', 'from', '', 'to', 'accepted',
  'actor', ARGV[8], 'at', now, 'data', '{}')
return {'created', id}
