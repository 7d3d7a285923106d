-- defer: give a job back without moving it: it waits (snooze), an attempt failed (retry), or the worker goes (release).
-- KEYS 1 job (hash)  2 due (zset)  3 events (stream)
-- ARGV 1 now (ms, '' = the server's clock)  2 job id  3 token  4 'snooze' | 'retry' | 'release'  5 delay (ms)
--      6 sentence (why it waits)  7 events kept  8 event type ('' = none)  9 actor  10 data (JSON)
--      11... field, value pairs
-- returns 1 given back | 0 refused: the lease is somebody else's by now
local time = redis.call('TIME')
local now = tonumber(ARGV[1]) or (time[1] * 1000 + math.floor(time[2] / 1000))
local r = redis.call('HMGET', KEYS[1], 'lease', 'deadline', 'wish', 'again')
if r[1] ~= ARGV[3] then return 0 end
local at = now + tonumber(ARGV[5])
if r[3] ~= '' or (r[4] == '1' and ARGV[4] == 'snooze') then at = now end  -- what it waits for has come meanwhile
if r[4] then redis.call('HDEL', KEYS[1], 'again') end
redis.call('HSET', KEYS[1], 'lease', '', 'lease_until', 0, 'not_before', at, 'snooze', ARGV[6], 'updated', now)
if ARGV[4] == 'retry' then redis.call('HINCRBY', KEYS[1], 'attempt', 1) end
if #ARGV > 10 then redis.call('HSET', KEYS[1], unpack(ARGV, 11)) end
redis.call('HINCRBY', KEYS[1], 'rev', 1)
redis.call('ZADD', KEYS[2], math.min(at, tonumber(r[2])), ARGV[2])
if ARGV[8] ~= '' then
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[7], '*', 'job', ARGV[2], 'type', ARGV[8], 'from', '', 'to', '',
    'actor', ARGV[9], 'at', now, 'data', ARGV[10])
end
return 1
