-- enter: a job that was found waiting for a worker stands in line, unless something happened to it since it was read.
-- uses clock, line
-- KEYS 1 job (hash)  2 due (zset)  3 line (zset)  4 its turns (zset)
-- ARGV 1 now (ms, '' = the server's clock)  2 job id  3 rev of the record when it was read  4 state  5 next look (ms from now)
-- returns 1 stands in line | 0 something happened
local now = clock(ARGV[1])
local r = redis.call('HMGET', KEYS[1], 'batch', 'priority', 'rev', 'deadline', 'created')
if r[3] ~= ARGV[3] then return 0 end
enter_line(KEYS[3], KEYS[4], {ARGV[2]}, {r[5]}, ARGV[4], r[1], r[2])
redis.call('ZADD', KEYS[2], 'XX', math.min(now + tonumber(ARGV[5]), tonumber(r[4])), ARGV[2])
return 1
