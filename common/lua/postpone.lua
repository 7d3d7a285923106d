-- postpone: nobody needs to look at a job before then, as long as nothing happened to it since it was read.
-- KEYS 1 job (hash)  2 due (zset)
-- ARGV 1 job id  2 rev of the record when it was read  3 next look (ms since 1970)
-- returns 1 postponed | 0 something happened: it stays where it is
local r = redis.call('HMGET', KEYS[1], 'rev', 'deadline')
if r[1] ~= ARGV[2] then return 0 end
redis.call('ZADD', KEYS[2], 'XX', math.min(tonumber(ARGV[3]), tonumber(r[2])), ARGV[1])
return 1
