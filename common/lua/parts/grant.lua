-- grant: what a claim does to a record; for the scripts that use it.
-- returns {'gone'} | {'finished', state} | {'held', owner} | {'elsewhere', state} | {'early'} | {'claimed', HGETALL, now}
-- `stage` is a name, or a table of state -> name: a job in another state is elsewhere then.
-- A job with a wish (cancel), or past its deadline, is claimed whatever its state and backoff: the holder ends it.
local function grant(key, due, id, now, token, owner, lease_ms, stage, origin)
  local r = redis.call('HMGET', key, 'state', 'lease', 'lease_until', 'owner', 'wish', 'not_before', 'deadline', 'rev')
  local state, lease = r[1], r[2]
  if not state then return {'gone'} end
  if state == 'succeeded' or state == 'failed' or state == 'cancelled' then return {'finished', state} end
  if type(stage) == 'table' then
    stage = stage[state]
    if not stage then return {'elsewhere', state} end
  end
  local again = lease == token  -- the same claim once more: its answer got lost
  if lease ~= '' and not again and tonumber(r[3]) > now then return {'held', r[4]} end
  if r[5] == '' and tonumber(r[7]) > now then
    if origin ~= '' and origin ~= state then return {'elsewhere', state} end
    if (tonumber(r[6] or '') or 0) > now then return {'early'} end
  end
  if lease ~= '' and not again then redis.call('HINCRBY', key, 'crashes', 1) end  -- its last holder never gave it back
  local till = now + lease_ms
  redis.call('HSET', key, 'lease', token, 'owner', owner, 'lease_until', till, 'stage', stage, 'claimed', now,
    'rev', (tonumber(r[8]) or 0) + 1)
  redis.call('ZADD', due, till, id)
  return {'claimed', redis.call('HGETALL', key), tostring(now)}
end
