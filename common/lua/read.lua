-- read: some fields of many records in one answer, so that a list of jobs costs one round trip.
-- KEYS job (hash), job, ...
-- ARGV field, field, ...
-- returns {{value or false, ...}, ...}, in the order of KEYS
local rows = {}
for i, key in ipairs(KEYS) do rows[i] = redis.call('HMGET', key, unpack(ARGV)) end
return rows
