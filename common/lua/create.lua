-- create: store jobs, each with its spec, its event, its place in `due` and its index entries, once; all or none.
-- uses clock, event, line, known
-- KEYS 1 due (zset)  2 jobs (zset)  3 state index (zset)  4 idempotency (hash)  5 events (stream)  6 batch (zset)
--      7 batches (zset)  8 base spec of these jobs (hash)  9 line (zset)  10 its turns (zset)  then of each job: its record (hash), its ids (set)
-- ARGV 1 now (ms, '' = the server's clock)  2 first look (ms from now)  3 events kept  4 actor  5 batch (name)
--      6 base spec (JSON, '' = these jobs hold theirs)  7 priority  8 number of names that follow, names of further fields
--      then of each job: id (no two here have the same), idempotency key ('' = none), digest, deadline (ms from now),
--      a value for each of the names ('' = its record has no such field)
-- returns {word, id} of each job: created | exists | conflict (the key has another content) | taken (draw another id)
-- A submit whose answer got lost is sent again, the same ids in it: those were created.
-- One call serves all jobs wherever one can: a call costs more than what it asks for.
local now, names = clock(ARGV[1]), tonumber(ARGV[8])
local at_ms, look, first, width = string.format('%.0f', now), now + tonumber(ARGV[2]), 9 + names, 4 + names
local values = {'id', '', 'digest', '', 'created', '', 'deadline', '', 'deadline_ms', '', 'v', '3', 'state', 'accepted',
  'since', at_ms, 'updated', at_ms, 'attempt', '1', 'lease', '', 'lease_until', '0', 'wish', '', 'rev', '1', 'batch', ARGV[5]}
local shared, before = #values, redis.call('ZCARD', KEYS[2])
local ids, orders, due, ordered, owned = {}, {}, {}, {}, {}
local function create(record, set, id, key, digest, length, at)
  local n, last = #ids + 1, shared
  local order = string.format('%.3f', now + (before + n - 1) % 1000 / 1000)  -- of one ms in their order
  values[2], values[4], values[6], values[8], values[10] = id, digest, order, now + tonumber(length), length
  for name = 1, names do
    if ARGV[at + name] ~= '' then values[last + 1], values[last + 2], last = ARGV[8 + name], ARGV[at + name], last + 2 end
  end
  redis.call('HSET', record, unpack(values, 1, last))
  redis.call('SADD', set, id)
  if key ~= '' then owned[#owned + 1], owned[#owned + 2] = key, id .. ' ' .. digest end
  tell(KEYS[5], ARGV[3], id, 'job_accepted', '', 'accepted', ARGV[4], at_ms, '{}')
  ids[n], orders[n], due[2 * n - 1], due[2 * n], ordered[2 * n - 1], ordered[2 * n] = id, order, look, id, order, id
  return {'created', id}
end
local records, keys, answers = {}, {}, {}
for i = 11, #KEYS, 2 do records[#records + 1], keys[#keys + 1] = KEYS[i], ARGV[first + width * #keys + 1] end
local known = known_jobs(KEYS[4], records, keys, now)
for i, record in ipairs(records) do
  local at = first + width * (i - 1)
  local id, key, digest, length = unpack(ARGV, at, at + 3)
  answers[i] = known(record, id, key, digest)
  if not answers[i] then answers[i] = create(record, KEYS[10 + 2 * i], id, key, digest, length, at + 3) end
end
if ids[1] then
  redis.call('ZADD', KEYS[1], unpack(due))
  redis.call('ZADD', KEYS[2], unpack(ordered))
  redis.call('ZADD', KEYS[3], unpack(ordered))
  if owned[1] then redis.call('HSET', KEYS[4], unpack(owned)) end
  enter_line(KEYS[9], KEYS[10], ids, orders, 'accepted', ARGV[5], ARGV[7])
  if ARGV[5] ~= '' then
    redis.call('ZADD', KEYS[6], unpack(ordered))
    redis.call('ZADD', KEYS[7], 'NX', now, ARGV[5])
  end
  if ARGV[6] ~= '' and redis.call('HINCRBY', KEYS[8], 'jobs', #ids) == #ids then
    redis.call('HSET', KEYS[8], 'spec', ARGV[6])
  end
end
return answers
