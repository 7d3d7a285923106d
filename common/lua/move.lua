-- move: the one way a job changes its state.
-- KEYS 1 job (hash)  2 due (zset)  3 index of `from` (zset)  4 index of `to` (zset)  5 events (stream)  6 runs (hash)
-- ARGV 1 now (ms, '' = the server's clock)  2 job id  3 token ('' = in one breath: refused while any lease lives)
--      4 from  5 to  6 next look (ms from now, '' = none: the job is finished)  7 keep the lease: ms, or '' to release it
--      8 events kept  9 event type  10 actor  11 data (JSON)  12 'extend' gives a new deadline  13... field, value pairs
-- returns 1 moved | 0 refused: the lease or the state is somebody else's by now
local time = redis.call('TIME')
local now = tonumber(ARGV[1]) or (time[1] * 1000 + math.floor(time[2] / 1000))
local id, token, from, to = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local r = redis.call('HMGET', KEYS[1], 'state', 'lease', 'lease_until', 'created', 'deadline', 'deadline_ms', 'wish')
if r[1] ~= from then return 0 end
if token ~= '' and r[2] ~= token then return 0 end
if token == '' and r[2] ~= '' and tonumber(r[3]) > now then return 0 end
local deadline = tonumber(r[5])
if ARGV[12] == 'extend' then deadline = now + tonumber(r[6]) end
local record = {'state', to, 'since', now, 'updated', now, 'attempt', 1, 'crashes', 0, 'not_before', 0, 'snooze', '',
  'deadline', deadline, 'done', '', 'total', '', 'error', ''}
for i = 13, #ARGV do record[#record + 1] = ARGV[i] end
for i = 13, #ARGV, 2 do
  if ARGV[i] == 'run_id' and ARGV[i + 1] ~= '' then redis.call('HSET', KEYS[6], ARGV[i + 1], id) end
end
redis.call('HSET', KEYS[1], unpack(record))
redis.call('HINCRBY', KEYS[1], 'rev', 1)
redis.call('ZREM', KEYS[3], id)
redis.call('ZADD', KEYS[4], tonumber(r[4]), id)
if ARGV[7] ~= '' then
  redis.call('HSET', KEYS[1], 'lease_until', now + tonumber(ARGV[7]))
  redis.call('ZADD', KEYS[2], now + tonumber(ARGV[7]), id)
else
  redis.call('HSET', KEYS[1], 'lease', '', 'lease_until', 0)
  if ARGV[6] == '' then
    redis.call('HSET', KEYS[1], 'wish', '')
    redis.call('ZREM', KEYS[2], id)
  else
    redis.call('ZADD', KEYS[2], r[7] ~= '' and now or math.min(now + tonumber(ARGV[6]), deadline), id)
  end
end
redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[8], '*', 'job', id, 'type', ARGV[9], 'from', from, 'to', to,
  'actor', ARGV[10], 'at', now, 'data', ARGV[11])
return 1
