-- hand_on: give free slots to the jobs whose turn it is, and make these due at once.
-- KEYS 1 slots (zset)  2 slot line (zset)  3 slot turns (hash)  4 due (zset)  5 index of `uploaded` (zset)
--      6 index of `training` (zset)  7 who joined a run (zset)
-- ARGV 1 now (ms, '' = the server's clock)  2 at most so many runs in all ('' = any number)
-- returns the ids of these jobs. Among jobs with limits of their own, the lowest limit that has room comes first.
local time = redis.call('TIME')
local now = tonumber(ARGV[1]) or (time[1] * 1000 + math.floor(time[2] / 1000))
local under_way, handed = redis.call('ZCARD', KEYS[6]) - redis.call('ZINTERCARD', 2, KEYS[6], KEYS[7]), {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if redis.call('ZSCORE', KEYS[5], id) then under_way = under_way + 1 else redis.call('ZREM', KEYS[1], id) end
end
while #handed < 500 and (ARGV[2] == '' or under_way < tonumber(ARGV[2])) do
  local place = redis.call('ZRANGEBYLEX', KEYS[2], string.format('[%06d', under_way + 1), '+', 'LIMIT', 0, 1)[1]
  if not place then break end
  local turn, id = string.match(place, ':(%d+):(%x+)$')
  redis.call('ZREM', KEYS[2], place)
  if redis.call('ZSCORE', KEYS[5], id) then  -- else it has ended meanwhile
    redis.call('ZADD', KEYS[1], 0, id)
    redis.call('ZADD', KEYS[4], now, id)
    redis.call('HSET', KEYS[3], 'served', math.max(tonumber(redis.call('HGET', KEYS[3], 'served')) or 0, tonumber(turn)))
    handed[#handed + 1] = id
    under_way = under_way + 1
  end
end
if redis.call('ZCARD', KEYS[2]) == 0 then redis.call('DEL', KEYS[3]) end
return handed
