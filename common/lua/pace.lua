-- pace: may a request be sent now? One place a request, at the rate that is known; without a rate, all may go.
-- KEYS 1 pace (hash)
-- ARGV 1 now (ms, '' = the server's clock)  2 fixed cap (requests/s, '' = none)  3 requests sent since the last call
--      4 longest wait (ms): who would wait longer takes no place
-- returns {'free'} | {'go', wait (ms), rate} | {'busy', wait (ms), rate}: rate in requests/s, '' where there is none
-- The rate grows by 1 % a second (0.1 at least); `quick` ms after a refusal by a quarter; after 60 s it is forgotten.
local time = redis.call('TIME')
local now = tonumber(ARGV[1]) or (time[1] * 1000 + math.floor(time[2] / 1000))
local r = redis.call('HMGET', KEYS[1], 'rate', 'pause', 'next', 'behind', 'limited', 'raised', 'second', 'count', 'before',
  'quick')
local rate, pause, raised = tonumber(r[1]), tonumber(r[2]) or 0, tonumber(r[6]) or now
local second, count, before = math.floor(now / 1000), tonumber(r[8]) or 0, tonumber(r[9]) or 0
if second ~= tonumber(r[7]) then
  before = second - 1 == tonumber(r[7]) and count or 0
  count = 0
end
if rate and now - raised >= 1000 then
  local calm, steps = now - (tonumber(r[5]) or 0), math.min(math.floor((now - raised) / 1000), 20)
  if calm > (tonumber(r[10]) or 0) then rate = rate * 1.25 ^ steps else rate = rate + steps * math.max(0.01 * rate, 0.1) end
  if calm > 60000 then rate = nil end
  redis.call('HSET', KEYS[1], 'rate', rate or '', 'raised', now)
end
if ARGV[2] ~= '' then rate = math.min(rate or 1e9, tonumber(ARGV[2])) end
local answer, sent = {'free'}, tonumber(ARGV[3])
if rate or pause > now then
  local at = math.max(now, pause, rate and tonumber(r[3]) or 0)
  local gap = rate and 1000 / rate or 0
  answer = {'go', math.ceil(at - now), string.format('%.3g', rate or 0)}
  if at - now <= tonumber(ARGV[4]) then
    redis.call('HSET', KEYS[1], 'next', at + gap)
    sent = sent + 1
  else  -- whoever is sent away comes back at a time of its own
    local back = math.max(at, tonumber(r[4]) or 0)
    redis.call('HSET', KEYS[1], 'behind', back + gap)
    answer[1], answer[2] = 'busy', math.ceil(back - now)
  end
end
redis.call('HSET', KEYS[1], 'second', second, 'count', count + sent, 'before', before)
redis.call('PEXPIRE', KEYS[1], 120000)
return answer
