-- move: the one way a job changes its state.
-- uses clock, event, line, run, slim
-- KEYS 1 job (hash)  2 due (zset)  3 index of `from` (zset)  4 index of `to` (zset)  5 events (stream)  6 runs (hash)
--      7 line that it leaves (zset)  8 line that it enters (zset)  9 the turns of that (zset)  10 unsettled (set)  11 pieces of no more use, if any (hash)
-- ARGV 1 now (ms, '' = the server's clock)  2 job id  3 token ('' = in one breath: refused while any lease lives)
--      4 from  5 to  6 next look (ms from now, '' = none: the job is finished)  7 keep the lease: ms, or '' to release it
--      8 events kept  9 event type  10 actor  11 data (JSON)  12 'extend' gives a new deadline
--      13 'enter': a stage starts from `to`, so that the job stands in line once its lease is released  14... field, value pairs
-- returns {now (ms), wish, how many stand in the line that it entered} | false: lease or state are somebody else's by now
local now, id, token, from, to = clock(ARGV[1]), unpack(ARGV, 2, 5)
local r = redis.call('HMGET', KEYS[1], 'state', 'lease', 'lease_until', 'created', 'deadline', 'deadline_ms', 'wish',
  'batch', 'priority', 'deployment', 'mode', 'rev', 'reserved', 'shares', 'reserved_endpoint')
if r[1] ~= from or token ~= '' and r[2] ~= token or token == '' and r[2] ~= '' and tonumber(r[3]) > now then return false end
local deadline = ARGV[12] == 'extend' and now + tonumber(r[6]) or tonumber(r[5])
local keep, till = ARGV[7] ~= '', now + (tonumber(ARGV[7]) or 0)
local record = {'state', to, 'since', now, 'updated', now, 'attempt', 1, 'crashes', 0, 'not_before', 0, 'snooze', '',
  'deadline', deadline, 'done', '', 'total', '', 'error', '', 'rev', (tonumber(r[12]) or 0) + 1,
  'lease', keep and r[2] or '', 'lease_until', keep and till or 0, 'wish', ARGV[6] ~= '' and r[7] or ''}
for i = 14, #ARGV do
  record[#record + 1] = ARGV[i]
  if i % 2 == 0 and ARGV[i] == 'run_id' and ARGV[i + 1] ~= '' then train_by(KEYS[6], ARGV[i + 1], id) end
end
redis.call('HSET', KEYS[1], unpack(record))
if to == 'training' and not keep then slim(KEYS[1]) end
if (to == 'trained' or ARGV[6] == '') and (r[13] or '') .. (r[14] or '') .. (r[15] or '') ~= '' then redis.call('SADD', KEYS[10], id) end
if KEYS[11] then redis.call('UNLINK', KEYS[11]) end
redis.call('ZREM', KEYS[3], id)
redis.call('ZADD', KEYS[4], ARGV[6] == '' and now or tonumber(r[4]), id)
if token == '' then redis.call('ZREM', KEYS[7], id) end  -- who is held stands in no line
local waiting, named = 0, to ~= 'trained' or (r[10] or '') .. (r[11] or '') ~= ''
if keep then
  redis.call('ZADD', KEYS[2], till, id)
elseif ARGV[6] == '' then
  redis.call('ZREM', KEYS[2], id)
else
  redis.call('ZADD', KEYS[2], r[7] ~= '' and now or math.min(now + tonumber(ARGV[6]), deadline), id)
  if ARGV[13] == 'enter' and named then waiting = enter_line(KEYS[8], KEYS[9], {id}, {r[4]}, to, r[8], r[9]) end
end
tell(KEYS[5], ARGV[8], id, ARGV[9], from, to, ARGV[10], now, ARGV[11])
return {tostring(now), r[7] or '', waiting}
