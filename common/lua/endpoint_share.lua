-- endpoint_share: one more job needs the endpoint of an entry, and pays its part; or needs it no longer.
-- uses bind
-- KEYS 1 entry (hash)  2 job (hash)
-- ARGV 1 job id  2 'join' | 'leave'  3 name of the entry  4 fact of the job that names its entry: endpoint | base_endpoint
-- returns the entry's state; a job cannot join one that is 'stopping' or 'closed' ('' = there is none)
local r = redis.call('HMGET', KEYS[1], 'state', 'jobs')
if not r[1] then return '' end
local jobs, there = {}, false
for id in string.gmatch(r[2] or '', '%S+') do
  there = there or id == ARGV[1]
  if id ~= ARGV[1] or ARGV[2] == 'join' then jobs[#jobs + 1] = id end
end
local ends = r[1] == 'stopping' or r[1] == 'closed'
if there == (ARGV[2] == 'join') or (ends and ARGV[2] == 'join') then return r[1] end
if ARGV[2] == 'join' then
  jobs[#jobs + 1] = ARGV[1]
  bind(KEYS[1], ARGV[3], KEYS[2], ARGV[1], ARGV[4])
end
redis.call('HSET', KEYS[1], 'jobs', table.concat(jobs, ' '))
redis.call('HINCRBY', KEYS[1], 'rev', 1)
return r[1]
