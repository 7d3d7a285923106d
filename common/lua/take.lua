-- take: a lease on the job that is next in line; where nobody stands in line, on the job that the worker has a message of.
-- uses clock, grant
-- KEYS 1 due (zset)  2 taken (string): what this thread took last  3 job of the message (hash)
--      4 line (zset)  5 its turns (zset)  6 line  7 turns ...
-- ARGV 1 now (ms, '' = the server's clock)  2 token  3 owner  4 lease (ms)  5 the message's job id ('' = no message)
--      6 its stage  7 the state that it starts from  8 how the keys of jobs begin: who stands in line is only known here
--      9... state, stage: what stands in these lines
-- returns what grant returns | {'empty'}: nobody stands in line, and there is no message
local now = clock(ARGV[1])
local token, owner, lease, stages = ARGV[2], ARGV[3], tonumber(ARGV[4]), {}
for i = 9, #ARGV, 2 do stages[ARGV[i]] = ARGV[i + 1] end
local function claim(id, stage, origin)
  local answer = grant(ARGV[8] .. id, KEYS[1], id, now, token, owner, lease, stage, origin)
  if answer[1] == 'claimed' then redis.call('SET', KEYS[2], token .. ' ' .. id, 'PX', lease) end
  return answer
end
local last = redis.call('GET', KEYS[2])
if last and string.sub(last, 1, #token + 1) == token .. ' ' then  -- the same take once more: its answer got lost
  local id = string.sub(last, #token + 2)
  return grant(ARGV[8] .. id, KEYS[1], id, now, token, owner, lease, redis.call('HGET', ARGV[8] .. id, 'stage'), '')
end
for i = 4, #KEYS, 2 do
  for _ = 1, 100 do
    local head = redis.call('ZRANGE', KEYS[i], 0, 0, 'WITHSCORES')
    if not head[1] then break end
    redis.call('ZREM', KEYS[i], head[1])
    local state = redis.call('HGET', ARGV[8] .. head[1], 'state')
    local answer = stages[state] and claim(head[1], stages[state], state)
    if answer and answer[1] == 'claimed' then
      redis.call('ZADD', KEYS[i + 1], head[2], 'now')
      redis.call('ZREMRANGEBYSCORE', KEYS[i + 1], '-inf', '(' .. head[2])  -- flows that are behind have no lead to keep
      return answer
    end  -- else somebody has it, or it waits: it is in `due`
  end
end
if ARGV[5] == '' then return {'empty'} end
return claim(ARGV[5], ARGV[6], ARGV[7])
