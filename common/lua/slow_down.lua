-- slow_down: the platform refused a request for there were too many, or said that it takes no more for a while.
-- uses clock, rate
-- KEYS 1 pace (hash)  2 paces (zset)
-- ARGV 1 now (ms, '' = the server's clock)  2 name of the pace  3 pause (ms)  4 'refused' | 'spent'  5 requests that were
--      sent and not yet told of
-- returns the rate, in requests/s, '' where there is none
-- Refusals within a second, and until the pause is over, are of one burst. The first of all makes a guess: half of what went
-- through in a second, less half a request for each refusal of its burst. From the next one on a ceiling is known: what went
-- through, as far as that can be told.
local now = clock(ARGV[1])
local rate, calm, known = rate_of(KEYS[1], now)
local r = redis.call('HMGET', KEYS[1], 'pause', 'count', 'before', 'turned_before')
local pause = math.max(tonumber(r[1]) or 0, now + tonumber(ARGV[3]))
redis.call('HSET', KEYS[1], 'pause', pause)
redis.call('PEXPIRE', KEYS[1], math.max(120000, 2 * (pause - now)))
if ARGV[4] ~= 'refused' then return rate and tostring(rate) or '' end
redis.call('ZADD', KEYS[2], now, ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - 600000)
local turned = redis.call('HINCRBY', KEYS[1], 'turned', 1)
if rate and now < math.max(known.limited + 1000, known.since) then
  if known.guess then redis.call('HSET', KEYS[1], 'low', math.max(known.low - 0.5, 1)) end
  return tostring(rate)
end
local through = math.max((tonumber(r[2]) or 0) + tonumber(ARGV[5]) - turned, (tonumber(r[3]) or 0) - (tonumber(r[4]) or 0), 1)
local ceiling, low, guess = through, nil, '0'
if not rate then
  low, guess = 0.5 * through, '1'
elseif known.guess then
  ceiling = math.min(rate, 1.5 * through)
  low = 0.7 * ceiling
elseif calm < 3 then  -- it is far too high still
  ceiling = math.min(rate, math.max(1.2 * through, 0.6 * rate))
  low = 0.75 * ceiling
else  -- a rate that nobody made use of has grown for nothing
  ceiling = math.min(rate, math.max(through, known.ceiling))
  low = 0.9 * ceiling
end
low = math.max(low, rate and 0.2 or 1)
redis.call('HSET', KEYS[1], 'low', low, 'ceiling', math.max(low, ceiling), 'since', pause, 'guess', guess, 'limited', now, 'behind', 0, 'rate', low)
return tostring(low)
