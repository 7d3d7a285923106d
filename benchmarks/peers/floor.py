"""The floor: one Lua call a stage does what a move has to do (record, due, index, event), and there is no engine."""

import itertools
import os
import sys

import stages

MOVE = """
local from, to, id = ARGV[1], ARGV[2], ARGV[3]
if redis.call('HGET', KEYS[1], 'state') ~= from then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'state', to, 'since', now, 'updated', now, 'attempt', 1)
redis.call('ZREM', KEYS[2], id)
redis.call('ZADD', KEYS[3], now, id)
if to == 'done' then redis.call('ZREM', KEYS[4], id) else redis.call('ZADD', KEYS[4], now + 30000, id) end
redis.call('XADD', KEYS[5], 'MAXLEN', '~', 1000000, '*', 'job', id, 'from', from, 'to', to, 'at', now)
if to == 'done' then redis.call('INCR', 'bench:done') end
return 1
"""
STATES = ["new", "one", "two", "three", "done"]


def pipelines(count):
    """The ids of `count` records in their first state."""
    pipe = stages.client().pipeline(transaction=False)
    ids = [f"{os.getpid()}-{number}" for number in range(count)]
    for job in ids:
        pipe.hset(f"bench:job:{job}", mapping={"state": "new", "name": job})
    pipe.execute()
    return ids


if __name__ == "__main__":
    move = stages.client().register_script(MOVE)
    count = int(sys.argv[2])
    ids = pipelines(stages.WARM + count)

    def pipeline(number):
        job = ids[number]
        for origin, target in itertools.pairwise(STATES):
            keys = [f"bench:job:{job}", f"bench:state:{origin}", f"bench:state:{target}", "bench:due", "bench:events"]
            move(keys=keys, args=[origin, target, job])

    stages.share(count, pipeline)
