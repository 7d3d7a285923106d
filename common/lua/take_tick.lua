-- take_tick: whether this tick is the one that works: one in a period, however many beats there are.
-- KEYS 1 tick (string)
-- ARGV 1 actor  2 period (ms)
-- returns 1 it works | 0 another one does, or has done so lately
-- The key lives until the next tick is expected. One may come half a period early: after a tick that a busy worker was late
-- with, the next one is on time; and the periods add up all the same, so that two beats make no more ticks than one.
local early = math.max(0, redis.call('PTTL', KEYS[1]))
if 2 * early > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', early + ARGV[2])
return 1
