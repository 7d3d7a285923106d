-- claim: give a stage a lease on a job: a token and an expiry.
-- KEYS 1 job (hash)  2 due (zset)
-- ARGV 1 now (ms, '' = the server's clock)  2 job id  3 token  4 owner  5 lease (ms)  6 stage
--      7 the state that the stage starts from ('' = any unfinished)
-- returns {'gone'} | {'finished', state} | {'held', owner} | {'elsewhere', state} | {'early'} | {'claimed', HGETALL}
-- A job with a wish (cancel), or past its deadline, is claimed whatever its state and backoff: the holder ends it.
local time = redis.call('TIME')
local now = tonumber(ARGV[1]) or (time[1] * 1000 + math.floor(time[2] / 1000))
local r = redis.call('HMGET', KEYS[1], 'state', 'lease', 'lease_until', 'owner', 'wish', 'not_before', 'deadline', 'stage')
local state, lease = r[1], r[2]
if not state then return {'gone'} end
if state == 'succeeded' or state == 'failed' or state == 'cancelled' then return {'finished', state} end
local again = lease == ARGV[3]  -- the same claim once more: its answer got lost
if lease ~= '' and not again and tonumber(r[3]) > now then return {'held', r[4]} end
local ending = r[5] ~= '' or tonumber(r[7]) <= now
if not ending then
  if ARGV[7] ~= '' and ARGV[7] ~= state then return {'elsewhere', state} end
  if tonumber(r[6]) > now then return {'early'} end
end
if lease ~= '' and not again then redis.call('HINCRBY', KEYS[1], 'crashes', 1) end  -- its last holder never gave it back
local till = now + tonumber(ARGV[5])
redis.call('HSET', KEYS[1], 'lease', ARGV[3], 'owner', ARGV[4], 'lease_until', till, 'stage', ARGV[6], 'claimed', now)
redis.call('HINCRBY', KEYS[1], 'rev', 1)
redis.call('ZADD', KEYS[2], till, ARGV[2])
local record = redis.call('HGETALL', KEYS[1])
record[#record + 1] = 'now'
record[#record + 1] = tostring(now)
return {'claimed', record}
