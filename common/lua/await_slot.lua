-- await_slot: give a job back until its turn for a slot comes; it costs nothing before, and is looked at at its deadline.
-- KEYS 1 job (hash)  2 due (zset)  3 slots (zset)  4 slot line (zset)  5 slot turns (hash)
-- ARGV 1 now (ms, '' = the server's clock)  2 job id  3 token  4 at most so many runs, by its own limit  5 sentence
-- returns 1 given back | 0 refused: the lease is somebody else's by now
-- Batches take turns, with the weights of the line for workers (parts/line.lua): a job's turn is 8 / weight after the last
-- of its batch and priority, and not before the turn that is served now.
local STEPS = {high = 1, low = 64}  -- of a normal job: 8
local time = redis.call('TIME')
local now = tonumber(ARGV[1]) or (time[1] * 1000 + math.floor(time[2] / 1000))
local r = redis.call('HMGET', KEYS[1], 'lease', 'deadline', 'wish', 'batch', 'place', 'priority')
if r[1] ~= ARGV[3] then return 0 end
local place, at = r[5] or '', tonumber(r[2])
if (r[3] or '') ~= '' or redis.call('ZSCORE', KEYS[3], ARGV[2]) then
  at = now
elseif place == '' or not redis.call('ZSCORE', KEYS[4], place) then
  local flow = 'b' .. (r[4] or '')
  if STEPS[r[6]] then flow = r[6] .. ' ' .. flow end
  local turns = redis.call('HMGET', KEYS[5], flow, 'served')
  local turn = math.max(tonumber(turns[1]) or 0, tonumber(turns[2]) or 0) + (STEPS[r[6]] or 8)
  place = string.format('%06d:%012d:%s', tonumber(ARGV[4]), turn, ARGV[2])
  redis.call('HSET', KEYS[5], flow, turn)
  redis.call('ZADD', KEYS[4], 0, place)
end
redis.call('HSET', KEYS[1], 'lease', '', 'lease_until', 0, 'not_before', 0, 'snooze', ARGV[5], 'updated', now, 'place', place)
redis.call('HINCRBY', KEYS[1], 'rev', 1)
redis.call('ZADD', KEYS[2], at, ARGV[2])
return 1
