-- wake: something that a job waits for has happened; it is looked at now.
-- uses clock
-- KEYS 1 job (hash)  2 due (zset)
-- ARGV 1 now (ms, '' = the server's clock)  2 job id
-- returns 1 awake | 0 gone or finished. A stage that is at work looks once more when it has given the job back.
local now = clock(ARGV[1])
local r = redis.call('HMGET', KEYS[1], 'state', 'lease')
if not redis.call('ZSCORE', KEYS[2], ARGV[2]) then return 0 end
redis.call('HINCRBY', KEYS[1], 'rev', 1)
if r[2] ~= '' then
  redis.call('HSET', KEYS[1], 'again', '1')
else
  redis.call('HSET', KEYS[1], 'not_before', 0, 'snooze', '')
  redis.call('ZADD', KEYS[2], 'XX', now, ARGV[2])
end
return 1
