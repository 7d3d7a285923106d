-- read: fields of many records in one answer, so that a list of jobs costs one round trip.
-- KEYS job (hash), job, ...
-- ARGV field, field, ... (none: all fields, with their names)
-- returns {{value or false, ...}, ...}, in the order of KEYS; without ARGV {{field, value, ...}, ...}
local rows = {}
for i, key in ipairs(KEYS) do
  rows[i] = #ARGV > 0 and redis.call('HMGET', key, unpack(ARGV)) or redis.call('HGETALL', key)
end
return rows
