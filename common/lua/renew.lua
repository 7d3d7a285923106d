-- renew: the holder is still at work.
-- KEYS 1 job (hash)  2 due (zset)
-- ARGV 1 now (ms, '' = the server's clock)  2 job id  3 token  4 lease (ms)
-- returns 0 lost | 1 renewed | 2 renewed, and somebody wishes the job cancelled, or its deadline is past
local time = redis.call('TIME')
local now = tonumber(ARGV[1]) or (time[1] * 1000 + math.floor(time[2] / 1000))
local r = redis.call('HMGET', KEYS[1], 'lease', 'wish', 'deadline')
if r[1] ~= ARGV[3] then return 0 end
local till = now + tonumber(ARGV[4])
redis.call('HSET', KEYS[1], 'lease_until', till)
redis.call('ZADD', KEYS[2], till, ARGV[2])
if r[2] ~= '' or tonumber(r[3]) <= now then return 2 end
return 1
