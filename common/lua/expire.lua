-- expire: a job that ended long ago is forgotten: its record, and what stands of it in indexes and side keys.
-- uses clock, event, heir, past
-- KEYS 1 job (hash)  2 index of its state (zset)  3 open endpoints (hash)  4 unsettled (set)  5 runs (hash)  6 payers (hash)
--      7 idempotency (hash)  8 base spec (hash)  9 past (hash)  10 batch (zset)  11 batches (zset)  12 eased (set)
--      13 events (stream)  14 pieces (hash)  15 ids (set)  16 sharers of its run (set)  17 slot line (zset)
--      18... zsets that may hold its id
-- ARGV 1 now (ms, '' = the server's clock)  2 id  3 rev of the record when it was read  4 kept for (ms)
--      5 how the keys of jobs begin: who shares its run is only known here  6 field of `past`  7 its numbers
--      8 events kept  9 actor
-- returns 'expired' | 'later': it ended since, or an endpoint of it is open | 'changed': it is another's business by now
--      | 'unsettled': settle it first
local now, id, r = clock(ARGV[1]), ARGV[2], {}
local before = now - tonumber(ARGV[4])
local names = {'state', 'rev', 'since', 'batch', 'key', 'run_id', 'shares', 'base', 'place', 'reserved', 'reserved_endpoint',
  'bound_endpoint'}
for i, value in ipairs(redis.call('HMGET', KEYS[1], unpack(names))) do r[names[i]] = value or '' end
local ended = r.state == 'succeeded' or r.state == 'failed' or r.state == 'cancelled'
if not ended or r.rev ~= ARGV[3] then return 'changed' end
local open = r.bound_endpoint ~= '' or redis.call('HEXISTS', KEYS[3], id) == 1
if open or tonumber(r.since) > before then
  redis.call('ZADD', KEYS[2], open and before + 3600000 or r.since, id)  -- by when it is looked at again
  return 'later'
end
if r.reserved .. r.reserved_endpoint ~= '' or redis.call('SISMEMBER', KEYS[4], id) == 1 then return 'unsettled' end
leave_to_heir(KEYS[5], KEYS[6], ARGV[5], id, r.run_id, r.shares)
if r.key ~= '' and string.match(redis.call('HGET', KEYS[7], r.key) or '', '^%x+') == id then
  redis.call('HDEL', KEYS[7], r.key)
end
if r.base ~= '' and redis.call('HINCRBY', KEYS[8], 'jobs', -1) <= 0 then redis.call('DEL', KEYS[8]) end
add_up(KEYS[9], ARGV[6], ARGV[7])
redis.call('DEL', KEYS[1], KEYS[14])
for i = 15, 16 do redis.call('SREM', KEYS[i], id) end
if r.place ~= '' then redis.call('ZREM', KEYS[17], r.place) end
for i = 1, #KEYS do if i == 2 or i == 10 or i > 17 then redis.call('ZREM', KEYS[i], id) end end
if r.batch ~= '' and redis.call('ZCARD', KEYS[10]) == 0 then
  redis.call('ZREM', KEYS[11], r.batch)
  redis.call('SREM', KEYS[12], r.batch)
end
tell(KEYS[13], ARGV[8], id, 'job_expired', r.state, '', ARGV[9], now, '{}')
return 'expired'
