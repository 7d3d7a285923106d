-- slim: for hours nobody asks for these of a job that trains, and its record is small; for the scripts that use it.
local function slim(record)
  redis.call('HDEL', record, 'owner', 'stage', 'claimed', 'snooze', 'done', 'total', 'error', 'held', 'crashes', 'not_before')
end
