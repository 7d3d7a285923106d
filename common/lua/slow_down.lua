-- slow_down: the platform refused a request for there were too many, or said that it takes no more for a while.
-- KEYS 1 pace (hash)  2 paces (zset)
-- ARGV 1 now (ms, '' = the server's clock)  2 name of the pace  3 pause (ms)  4 'refused' | 'spent'  5 requests that were
--      sent and not yet told of
-- returns the rate, in requests/s, '' where there is none
-- The first refusal sets 0.9 of what went through in a second; those in the next second are of the same burst.
local time = redis.call('TIME')
local now = tonumber(ARGV[1]) or (time[1] * 1000 + math.floor(time[2] / 1000))
local r = redis.call('HMGET', KEYS[1], 'rate', 'pause', 'limited', 'second', 'count', 'before')
redis.call('HSET', KEYS[1], 'pause', math.max(tonumber(r[2]) or 0, now + tonumber(ARGV[3])))
redis.call('PEXPIRE', KEYS[1], math.max(120000, 2 * tonumber(ARGV[3])))
if ARGV[4] ~= 'refused' then return r[1] or '' end
local rate = tonumber(r[1])
if not rate or now - (tonumber(r[3]) or 0) >= 1000 then
  local seen = 0.9 * math.max((tonumber(r[5]) or 0) + tonumber(ARGV[5]), tonumber(r[6]) or 0)
  rate = rate and math.max(math.min(0.8 * rate, seen), 0.5 * rate) or seen
  local quick = r[1] and r[1] ~= '' and 8000 or 2000  -- a first guess is made of little, and mends itself sooner
  rate = math.max(rate, quick == 2000 and 1 or 0.2)
  redis.call('HSET', KEYS[1], 'rate', rate, 'raised', now, 'limited', now, 'behind', 0, 'quick', quick)
end
redis.call('ZADD', KEYS[2], now, ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - 600000)
return tostring(rate)
