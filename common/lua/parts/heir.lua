-- heir: a job leaves the run that it trained by; for the scripts that use it.
-- returns the id of the job that the run, and its fingerprint, are of from now on: the first that wants it, else the first
-- that has it; '' = nobody: a fingerprint that stood for a run that nobody has is forgotten
local function leave_to_heir(runs, payers, jobs, id, run, mark)
  local others, heir, spare = {}, '', ''
  for other in string.gmatch(run ~= '' and redis.call('HGET', runs, run) or '', '%x+') do
    local o = redis.call('HMGET', jobs .. other, 'state', 'run_id')
    if other ~= id and o[1] then
      others[#others + 1] = other
      if o[2] == run and spare == '' then spare = other end
      if o[2] == run and heir == '' and o[1] ~= 'failed' and o[1] ~= 'cancelled' then heir = other end
    end
  end
  if heir == '' then heir = spare end
  if #others > 0 then redis.call('HSET', runs, run, table.concat(others, ' '))
  elseif run ~= '' then redis.call('HDEL', runs, run) end
  if mark ~= '' and redis.call('HGET', payers, mark) == id then
    if heir ~= '' then redis.call('HSET', payers, mark, heir) else redis.call('HDEL', payers, mark) end
  end
  return heir
end
