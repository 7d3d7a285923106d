-- leave_run: a job does not want its run any more. Who else does keeps it; the payer's place goes to the first of these.
-- KEYS 1 payers (hash)  2 runs (hash)  3 who joined a run (zset)  4... the jobs of the run (hash)
-- ARGV 1 job id  2 fingerprint ('' = it shares nothing)  3 run id  4... ids of the jobs of the run, in the order of KEYS
-- returns {'alone'}: stop the run | {'kept', id}: the run is that job's | {'again'}: others have joined, ask with them
local jobs = redis.call('HGET', KEYS[2], ARGV[3]) or ''
local known, heir = {}, nil
for i = 4, #ARGV do
  known[ARGV[i]] = true
  local r = redis.call('HMGET', KEYS[i], 'state', 'wish', 'run_id')
  local state = r[1]
  local wants = state and r[2] == '' and state ~= 'failed' and state ~= 'cancelled' and r[3] == ARGV[3]
  if wants and ARGV[i] ~= ARGV[1] and not heir then heir = ARGV[i] end
end
for id in string.gmatch(jobs, '%x+') do if id ~= ARGV[1] and not known[id] then return {'again'} end end
if ARGV[2] ~= '' and redis.call('HGET', KEYS[1], ARGV[2]) == ARGV[1] then
  if heir then redis.call('HSET', KEYS[1], ARGV[2], heir) else redis.call('HDEL', KEYS[1], ARGV[2]) end
  if heir then redis.call('ZREM', KEYS[3], heir) end
end
return heir and {'kept', heir} or {'alone'}
