-- create: store jobs, each with its spec, its event, its place in `due` and its index entries, once; all or none.
-- uses clock, event, line
-- KEYS 1 due (zset)  2 jobs (zset)  3 state index (zset)  4 idempotency (hash)  5 events (stream)  6 batch (zset)
--      7 batches (zset)  8 base spec of these jobs (hash)  9 line (zset)  10 its turns (zset)  then of each job: its record (hash), its ids (set)
-- ARGV 1 now (ms, '' = the server's clock)  2 first look (ms from now)  3 events kept  4 actor  5 batch (name)
--      6 base spec (JSON, '' = these jobs hold theirs)  7 priority  then of each job: id, idempotency key ('' = none), digest,
--      deadline (ms from now), number of values that follow, field, value pairs of the record
-- returns {word, id} of each job: created | exists | conflict (the key has another content) | taken (draw another id)
-- A submit whose answer got lost is sent again, the same ids in it: those were created.
local now = clock(ARGV[1])
local function known(record, id, key, digest)
  local name, content = string.match(key ~= '' and redis.call('HGET', KEYS[4], key) or '', '^(%x+) (%x+)$')
  if name then return {content ~= digest and 'conflict' or name == id and 'created' or 'exists', name} end
  local there = redis.call('HMGET', record, 'digest', 'created', 'key')
  local again = there[1] == digest and there[3] == key and now - tonumber(there[2] or 0) < 60000
  return there[1] and {again and 'created' or 'taken', id}
end
local function create(record, ids, id, key, digest, length, first, last)
  local order = string.format('%.3f', now + (redis.call('ZCARD', KEYS[2]) % 1000) / 1000)  -- of one ms in their order
  local values = {'id', id, 'v', '3', 'key', key, 'digest', digest, 'state', 'accepted', 'since', now,
    'created', order, 'updated', now, 'attempt', 1, 'crashes', 0, 'lease', '', 'lease_until', 0, 'not_before', 0,
    'wish', '', 'rev', 1, 'deadline', now + tonumber(length), 'deadline_ms', length, 'batch', ARGV[5]}
  for i = first, last do values[#values + 1] = ARGV[i] end
  if ARGV[7] ~= 'normal' then redis.call('HSET', record, 'priority', ARGV[7]) end
  redis.call('HSET', record, unpack(values))
  redis.call('SADD', ids, id)
  redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), id)
  redis.call('ZADD', KEYS[2], order, id)
  redis.call('ZADD', KEYS[3], order, id)
  if ARGV[5] ~= '' then redis.call('ZADD', KEYS[6], order, id) end
  if key ~= '' then redis.call('HSET', KEYS[4], key, id .. ' ' .. digest) end
  enter_line(KEYS[9], KEYS[10], id, order, 'accepted', ARGV[5], ARGV[7])
  tell(KEYS[5], ARGV[3], id, 'job_accepted', '', 'accepted', ARGV[4], now, '{}')
  return {'created', id}
end
local answers, made, at = {}, 0, 8
for i = 11, #KEYS, 2 do
  local id, key, digest, last = ARGV[at], ARGV[at + 1], ARGV[at + 2], at + 4 + tonumber(ARGV[at + 4])
  local answer = known(KEYS[i], id, key, digest)
  if not answer then
    answer, made = create(KEYS[i], KEYS[i + 1], id, key, digest, ARGV[at + 3], at + 5, last), made + 1
  end
  answers[#answers + 1], at = answer, last + 1
end
if made > 0 and ARGV[5] ~= '' then redis.call('ZADD', KEYS[7], 'NX', now, ARGV[5]) end
if made > 0 and ARGV[6] ~= '' and redis.call('HINCRBY', KEYS[8], 'jobs', made) == made then
  redis.call('HSET', KEYS[8], 'spec', ARGV[6])
end
return answers
