-- note: write facts on the record while the job stays where it is.
-- uses run
-- KEYS 1 job (hash)  2 events (stream)  3 runs (hash)  4 pieces (hash)
-- ARGV 1 now (ms, '' = the server's clock)  2 job id  3 token ('' = an observation from outside: see 4)
--      4 the run id that the observation is of (with token '')  5 events kept  6 event type ('' = none)  7 actor
--      8 data (JSON)  9 number of record fields  10... their field, value pairs, then field, value pairs of pieces
-- returns 1 written | 0 refused: the lease, or the run, is another one by now
local time = redis.call('TIME')
local now = tonumber(ARGV[1]) or (time[1] * 1000 + math.floor(time[2] / 1000))
local r = redis.call('HMGET', KEYS[1], 'lease', 'state', 'run_id')
if ARGV[3] ~= '' then
  if r[1] ~= ARGV[3] then return 0 end
elseif r[2] ~= 'training' or r[3] ~= ARGV[4] then
  return 0
end
local last = 9 + 2 * tonumber(ARGV[9])
for i = 10, last, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  if ARGV[i] == 'run_id' and (r[3] or '') ~= '' and r[3] ~= ARGV[i + 1] then leave(KEYS[3], r[3], ARGV[2]) end
  if ARGV[i] == 'run_id' and ARGV[i + 1] ~= '' then train_by(KEYS[3], ARGV[i + 1], ARGV[2]) end
end
redis.call('HSET', KEYS[1], 'updated', now)
if #ARGV > last then
  redis.call('HSET', KEYS[4], unpack(ARGV, last + 1))
  redis.call('HSET', KEYS[1], 'crashes', 0)  -- it makes progress
end
if ARGV[6] ~= '' then
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], '*', 'job', ARGV[2], 'type', ARGV[6], 'from', '', 'to', '',
    'actor', ARGV[7], 'at', now, 'data', ARGV[8])
end
return 1
