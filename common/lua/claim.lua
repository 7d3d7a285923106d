-- claim: give a stage a lease on a job: a token and an expiry. It leaves the lines.
-- uses clock, grant
-- KEYS 1 job (hash)  2 due (zset)  3... lines (zset)
-- ARGV 1 now (ms, '' = the server's clock)  2 job id  3 token  4 owner  5 lease (ms)  6 stage
--      7 the state that the stage starts from ('' = any unfinished)
-- returns what grant returns
local now = clock(ARGV[1])
local answer = grant(KEYS[1], KEYS[2], ARGV[2], now, ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7])
if answer[1] == 'claimed' then
  for i = 3, #KEYS do redis.call('ZREM', KEYS[i], ARGV[2]) end
end
return answer
