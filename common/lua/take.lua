-- take: leases on those who are next in line; where nobody stands in line, on the job that the worker has a message of.
-- uses clock, grant
-- KEYS 1 due (zset)  2 taken (string): what this thread took last  3 job of the message (hash)
--      4 line (zset)  5 its turns (zset)  6 line  7 turns ...
-- ARGV 1 now (ms, '' = the server's clock)  2 token  3 owner  4 lease (ms)  5 at most so many
--      6 the message's job id ('' = no message)  7 its stage  8 the state that it starts from
--      9 how the keys of jobs begin: who stands in line is only known here  10... state, stage: what stands in these lines
-- returns {what grant returns, for each that was claimed} | {its refusal of the message} | {{'empty'}}
local now, most, stages, answers, taken = clock(ARGV[1]), tonumber(ARGV[5]), {}, {}, ARGV[2]
for i = 10, #ARGV, 2 do stages[ARGV[i]] = ARGV[i + 1] end
local function claim(id, stage, origin)
  local answer = grant(ARGV[9] .. id, KEYS[1], id, now, ARGV[2], ARGV[3], tonumber(ARGV[4]), stage, origin)
  if answer[1] == 'claimed' then
    answers[#answers + 1], taken = answer, taken .. ' ' .. id
    redis.call('SET', KEYS[2], taken, 'PX', ARGV[4])
  end
  return answer
end
local last = redis.call('GET', KEYS[2]) or ''
if string.match(last, '^%S*') == ARGV[2] then  -- the same take once more: its answer got lost
  for id in string.gmatch(last, ' (%S+)') do claim(id, redis.call('HGET', ARGV[9] .. id, 'stage') or '', '') end
  return answers[1] and answers or {{'empty'}}
end
for i = 4, #KEYS, 2 do
  local rank
  for _ = 1, 100 + most do
    local head = #answers < most and redis.call('ZPOPMIN', KEYS[i])
    if not head or not head[1] then break end
    if claim(head[1], stages, '')[1] == 'claimed' then rank = head[2] end  -- else it is in `due`
  end
  if rank then
    redis.call('ZADD', KEYS[i + 1], rank, 'now')
    redis.call('ZREMRANGEBYSCORE', KEYS[i + 1], '-inf', '(' .. rank)  -- flows that are behind have no lead to keep
  end
end
if answers[1] then return answers end
return {ARGV[6] == '' and {'empty'} or claim(ARGV[6], ARGV[7], ARGV[8])}
