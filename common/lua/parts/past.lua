-- past: sums of what was forgotten; for the scripts that use it.
local function add_up(costs, field, numbers)
  local i, sums = 0, {}
  for number in string.gmatch(redis.call('HGET', costs, field) or '', '%-?%d+') do sums[#sums + 1] = tonumber(number) end
  for number in string.gmatch(numbers, '%-?%d+') do
    i = i + 1
    sums[i] = string.format('%d', (sums[i] or 0) + tonumber(number))
  end
  redis.call('HSET', costs, field, table.concat(sums, ' '))
end
