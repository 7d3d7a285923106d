-- pace: may a request be sent now? One place a request, at the rate that is known; without a rate, all may go.
-- uses clock, rate
-- KEYS 1 pace (hash)
-- ARGV 1 now (ms, '' = the server's clock)  2 fixed cap (requests/s, '' = none)  3 requests sent since the last call
--      4 longest wait (ms): who would wait longer takes no place  5 patience (ms): who would wait longer goes away
--      6 'look': only that, and nothing is taken ('' = take a place)
-- returns {'free'} | {'go', wait (ms), rate} | {'later', wait, rate}: ask again by then | {'busy', wait, rate}
--      rate in requests/s, 0 where there is none
local now = clock(ARGV[1])
local rate = rate_of(KEYS[1], now)
local r = redis.call('HMGET', KEYS[1], 'pause', 'next', 'behind', 'second', 'count', 'before', 'turned')
local pause, second, count, before = tonumber(r[1]) or 0, math.floor(now / 1000), tonumber(r[5]) or 0, tonumber(r[6]) or 0
if second ~= tonumber(r[4]) then
  before = second - 1 == tonumber(r[4]) and count or 0
  count = 0
  if ARGV[6] == '' then redis.call('HSET', KEYS[1], 'turned', 0, 'turned_before', before > 0 and r[7] or 0) end
end
if ARGV[2] ~= '' then rate = math.min(rate or 1e9, tonumber(ARGV[2])) end
local answer, sent = {'free'}, tonumber(ARGV[3])
if rate or pause > now then
  local at = math.max(now, pause, rate and tonumber(r[2]) or 0)
  local gap = rate and 1000 / rate or 0
  answer = {'go', math.ceil(at - now), string.format('%.3g', rate or 0)}
  if ARGV[6] == 'look' then return answer end
  if at - now <= tonumber(ARGV[4]) then
    redis.call('HSET', KEYS[1], 'next', at + gap)
    sent = sent + 1
  elseif at - now <= tonumber(ARGV[5]) then
    answer[1] = 'later'
  else  -- whoever is sent away comes back at a time of its own, within ten minutes: much may change until then
    local back = math.max(at, tonumber(r[3]) or 0)
    if back > at + 600000 then back = at end
    redis.call('HSET', KEYS[1], 'behind', back + gap)
    answer[1], answer[2] = 'busy', math.ceil(back - now)
  end
end
if ARGV[6] == 'look' then return answer end
redis.call('HSET', KEYS[1], 'second', second, 'count', count + sent, 'before', before, 'rate', rate or '')
redis.call('PEXPIRE', KEYS[1], math.max(120000, 2 * (pause - now)))
return answer
