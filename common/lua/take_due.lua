-- take_due: the jobs that somebody must look at now; each is pushed back, never popped, so that a crash loses none.
-- KEYS 1 due (zset)
-- ARGV 1 now (ms, '' = the server's clock)  2 at most so many  3 push back by (ms)
-- returns {now (ms), id, id, ...}
local time = redis.call('TIME')
local now = tonumber(ARGV[1]) or (time[1] * 1000 + math.floor(time[2] / 1000))
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, tonumber(ARGV[2]))
for _, id in ipairs(ids) do redis.call('ZADD', KEYS[1], 'XX', now + tonumber(ARGV[3]), id) end
table.insert(ids, 1, tostring(now))  -- no unpack: Lua's stack holds only some 8000
return ids
