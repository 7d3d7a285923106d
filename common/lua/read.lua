-- read: fields of many records in one answer, so that a list of jobs costs one round trip.
-- KEYS job (hash), job, ...
-- ARGV field, field, ... (none: all fields, with their names); `packed`, as the last: all that is packed, in one text
-- returns {{value or false, ...}, ...}, in the order of KEYS; without ARGV {{field, value, ...}, ...}
local rows = {}
for i, key in ipairs(KEYS) do
  local row = #ARGV > 0 and redis.call('HMGET', key, unpack(ARGV)) or redis.call('HGETALL', key)
  if ARGV[#ARGV] == 'packed' and row[#ARGV] then
    local names = {}
    for part = 1, tonumber(row[#ARGV]) do names[part] = 'packed.' .. (part - 1) end
    row[#ARGV] = table.concat(redis.call('HMGET', key, unpack(names)))
  end
  rows[i] = row
end
return rows
