-- wish: somebody wants a job cancelled; whoever claims it next does it.
-- KEYS 1 job (hash)  2 due (zset)  3 events (stream)
-- ARGV 1 now (ms, '' = the server's clock)  2 job id  3 events kept  4 actor
-- returns {'gone'} | {'finished', state} | {'again'} | {'held', owner} | {'wished', state, paid: '1' | ''}
local time = redis.call('TIME')
local now = tonumber(ARGV[1]) or (time[1] * 1000 + math.floor(time[2] / 1000))
local r = redis.call('HMGET', KEYS[1], 'state', 'wish', 'lease', 'lease_until', 'owner', 'intent', 'run_id')
local state = r[1]
if not state then return {'gone'} end
if state == 'succeeded' or state == 'failed' or state == 'cancelled' then return {'finished', state} end
if r[2] ~= '' then return {'again'} end
redis.call('HSET', KEYS[1], 'wish', 'cancel', 'updated', now)
redis.call('HINCRBY', KEYS[1], 'rev', 1)
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[3], '*', 'job', ARGV[2], 'type', 'cancel_requested', 'from', '',
  'to', '', 'actor', ARGV[4], 'at', now, 'data', '{}')
if r[3] ~= '' and tonumber(r[4]) > now then return {'held', r[5]} end
redis.call('ZADD', KEYS[2], now, ARGV[2])
return {'wished', state, (r[6] or '') .. (r[7] or '') ~= '' and '1' or ''}
