-- take_due: the jobs that somebody must look at now; each is pushed back, never popped, so that a crash loses none.
-- uses clock
-- KEYS 1 due (zset)  2... lines (zset)
-- ARGV 1 now (ms, '' = the server's clock)  2 at most so many  3 push back by (ms)
--      4 how the keys of jobs begin: which are due is only known here
-- returns {now (ms), how many were due, id, id, ...}: without those that stand in line, which need no look till they end
local now = clock(ARGV[1])
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, tonumber(ARGV[2]))
local later, found = now + tonumber(ARGV[3]), {tostring(now), tostring(#ids)}
for _, id in ipairs(ids) do
  local stands, at = false, later
  for i = 2, #KEYS do stands = stands or redis.call('ZSCORE', KEYS[i], id) end
  if stands then
    local r = redis.call('HMGET', ARGV[4] .. id, 'deadline', 'wish')
    stands = r[1] and r[2] == '' and tonumber(r[1]) > now
    if stands then at = math.min(at, tonumber(r[1])) end
  end
  redis.call('ZADD', KEYS[1], 'XX', at, id)
  if not stands then found[#found + 1] = id end
end
return found
