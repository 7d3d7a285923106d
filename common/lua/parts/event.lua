-- event: one entry of the event stream; for the scripts that use it.
local function tell(events, kept, id, kind, from, to, actor, now, data)
  redis.call('XADD', events, 'MAXLEN', '~', kept, '*', 'job', id, 'type', kind, 'from', from, 'to', to, 'actor', actor,
    'at', now, 'data', data)
end
