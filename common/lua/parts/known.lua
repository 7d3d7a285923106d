-- known: which of the jobs that somebody wants are there already; for the scripts that use it.
-- returns a function of one's (record, id, idempotency key, digest): what became of it {word, id}, or false: it is new,
-- and is taken as created from then on
local function known_jobs(idempotency, records, keys, now)
  local fresh, owners = redis.call('EXISTS', unpack(records)) == 0, {}
  if table.concat(keys) ~= '' then
    for i, owner in ipairs(redis.call('HMGET', idempotency, unpack(keys))) do owners[keys[i]] = owner end
  end
  return function(record, id, key, digest)
    local name, content = string.match(owners[key] or '', '^(%x+) (%x+)$')
    if name then return {content ~= digest and 'conflict' or name == id and 'created' or 'exists', name} end
    local there = fresh and {} or redis.call('HMGET', record, 'digest', 'created', 'key')
    local again = there[1] == digest and (there[3] or '') == key and now - tonumber(there[2] or 0) < 60000
    if there[1] then return {again and 'created' or 'taken', id} end
    if key ~= '' then owners[key] = id .. ' ' .. digest end
    return false
  end
end
