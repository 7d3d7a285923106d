-- compact: the record of a job that has ended keeps what is asked of it then, in less memory.
-- KEYS 1 job (hash)
-- ARGV 1 rev of the record when it was read  2 number of fields that go  3... their names, then field, value pairs
-- returns 1 done | 0 something happened to the job
local r = redis.call('HMGET', KEYS[1], 'state', 'rev')
if r[1] ~= 'succeeded' and r[1] ~= 'failed' and r[1] ~= 'cancelled' or r[2] ~= ARGV[1] then return 0 end
local last = 2 + tonumber(ARGV[2])
if last > 2 then redis.call('HDEL', KEYS[1], unpack(ARGV, 3, last)) end
if #ARGV > last then redis.call('HSET', KEYS[1], unpack(ARGV, last + 1)) end
return 1
