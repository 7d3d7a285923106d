-- endpoint_want: a job needs a model to answer; an entry of the ledger is opened, unless one is open for the same need.
-- uses clock, bind
-- KEYS 1 entry (hash)  2 open (hash)  3 wanted (zset)  4 job (hash)
-- ARGV 1 now (ms, '' = the server's clock)  2 name of the entry  3 need  4 job id  5 fact of the job that names its entry:
--      endpoint | base_endpoint  6... field, value pairs of the entry
-- returns the name of the entry that is open for the need: the new one, or the one that was there
local now = clock(ARGV[1])
local known = redis.call('HGET', KEYS[2], ARGV[3])
if known then return known end
redis.call('HSET', KEYS[1], 'name', ARGV[2], 'need', ARGV[3], 'jobs', ARGV[4], 'state', 'wanted', 'rev', 1,
  'created', now, 'since', now, unpack(ARGV, 6))
redis.call('HSET', KEYS[2], ARGV[3], ARGV[2])
redis.call('ZADD', KEYS[3], now, ARGV[2])
bind(KEYS[1], ARGV[2], KEYS[4], ARGV[4], ARGV[5])
return ARGV[2]
