-- endpoint_move: change an entry of the ledger, as long as it is as it was read; the way it changes its state, up to its end (endpoint_close).
-- uses clock
-- KEYS 1 entry (hash)  2 wanted (zset)  3 running (zset)  4 closed (zset)
-- ARGV 1 now (ms, '' = the server's clock)  2 name  3 rev as it was read ('' = whatever it is)  4 to ('' = stays)
--      5 how many may run at once ('' = any)  6 ms from now to the hard deadline ('' = as it was)  7... field, value
-- returns 1 done | 0 changed meanwhile, closed, or not there | -1 no room. What is not there may begin as 'stopping':
-- an endpoint that the platform has and the ledger has not, or has as closed: it is then for nobody's need.
local now = clock(ARGV[1])
local r = redis.call('HMGET', KEYS[1], 'state', 'rev', 'until')
local state, to = r[1], ARGV[4]
if (not state or state == 'closed') and (to ~= 'stopping' or (ARGV[3] ~= '' and ARGV[3] ~= '0')) then return 0 end
if ARGV[3] ~= '' and state and state ~= 'closed' and r[2] ~= ARGV[3] then return 0 end
if ARGV[5] ~= '' and redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[5]) then return -1 end
if not state then redis.call('HSET', KEYS[1], 'name', ARGV[2], 'created', now, 'jobs', '') end
if not state or state == 'closed' then redis.call('HSET', KEYS[1], 'need', '') end
local till = ARGV[6] ~= '' and now + tonumber(ARGV[6]) or tonumber(r[3]) or now
redis.call('HSET', KEYS[1], 'until', till)
if #ARGV > 6 then redis.call('HSET', KEYS[1], unpack(ARGV, 7)) end
redis.call('HINCRBY', KEYS[1], 'rev', 1)
if to ~= '' and to ~= state then
  redis.call('HSET', KEYS[1], 'state', to, 'since', now)
  for i = 2, 4 do redis.call('ZREM', KEYS[i], ARGV[2]) end
end
if to ~= '' then redis.call('ZADD', KEYS[3], till, ARGV[2]) end
return 1
