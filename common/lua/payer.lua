-- payer: which job pays for a run that equal jobs share: the first that asks, and the next one when that cannot.
-- KEYS 1 payers (hash)  2 job (hash)  3 the job that is thought to be the payer (hash)  4 who waits for the run (set)
-- ARGV 1 fingerprint  2 job id  3 id of the job that is thought to be the payer ('' = none)  4 'over' takes its place,
--      where it has ended, or is held for want of budget
-- returns the payer's id. The job is woken when the run has begun, or its payer has ended without one.
local payer = redis.call('HGET', KEYS[1], ARGV[1])
local free = not payer
if payer and payer == ARGV[3] then
  local r = redis.call('HMGET', KEYS[3], 'state', 'held', 'lease')
  local ended = r[1] == 'succeeded' or r[1] == 'failed' or r[1] == 'cancelled'
  free = not r[1] or (ARGV[4] == 'over' and (ended or (r[2] == 'budget' and r[3] == '')))
end
if free then
  payer = ARGV[2]
  redis.call('HSET', KEYS[1], ARGV[1], payer)
end
redis.call('HSET', KEYS[2], 'shares', ARGV[1])
redis.call('SADD', KEYS[4], ARGV[2])
return payer
