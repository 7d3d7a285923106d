-- register: somebody registers the name that a job's model was deployed under. Early, late and twice are fine.
-- KEYS 1 job (hash)  2 due (zset)  3 events (stream)
-- ARGV 1 now (ms, '' = the server's clock)  2 job id  3 name  4 events kept  5 actor  6 data (JSON)
-- returns {'registered'} | {'same'} | {'gone'} | {'finished', state} | {'used', name}: hints are made under another name
local time = redis.call('TIME')
local now = tonumber(ARGV[1]) or (time[1] * 1000 + math.floor(time[2] / 1000))
local r = redis.call('HMGET', KEYS[1], 'state', 'deployment', 'lease')
local state, name = r[1], r[2] or ''
if not state then return {'gone'} end
local waits = state == 'trained' and r[3] == ''
if name == ARGV[3] then
  if waits then  -- it is asked once more
    redis.call('HSET', KEYS[1], 'not_before', 0, 'snooze', '')
    redis.call('ZADD', KEYS[2], now, ARGV[2])
  end
  return {'same'}
end
if state == 'succeeded' or state == 'cancelled' then return {'finished', state} end
if state == 'deployed' or state == 'generated' then return {'used', name} end
redis.call('HSET', KEYS[1], 'deployment', ARGV[3], 'refusal', '', 'refused', '', 'updated', now)
redis.call('HINCRBY', KEYS[1], 'rev', 1)
if waits then
  redis.call('HSET', KEYS[1], 'not_before', 0, 'snooze', '')
  redis.call('ZADD', KEYS[2], now, ARGV[2])
elseif r[3] ~= '' then
  redis.call('HSET', KEYS[1], 'again', '1')  -- the stage at work may be asking the former name
end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], '*', 'job', ARGV[2], 'type', 'deployment_registered', 'from', '',
  'to', '', 'actor', ARGV[5], 'at', now, 'data', ARGV[6])
return {'registered'}
