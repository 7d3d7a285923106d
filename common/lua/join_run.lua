-- join_run: a job trains by the run that another one paid for.
-- uses run
-- KEYS 1 job (hash)  2 payers (hash)  3 runs (hash)  4 who waits for the run (set)  5 who joined a run (zset)
-- ARGV 1 job id  2 token  3 fingerprint  4 the payer's id  5 run id
-- returns 1 joined: the run ends for this job too, and is not stopped as long as it wants it | 0 the lease is somebody
-- else's by now, or the payer is another job: it has left, and may be stopping the run
if redis.call('HGET', KEYS[1], 'lease') ~= ARGV[2] then return 0 end
if redis.call('HGET', KEYS[2], ARGV[3]) ~= ARGV[4] then return 0 end
train_by(KEYS[3], ARGV[5], ARGV[4])
train_by(KEYS[3], ARGV[5], ARGV[1])
redis.call('HSET', KEYS[1], 'run_id', ARGV[5], 'payer', ARGV[4])
redis.call('SREM', KEYS[4], ARGV[1])
redis.call('ZADD', KEYS[5], 0, ARGV[1])
return 1
