"""The four stages, the same for every peer: nothing, or BENCH_REQUESTS requests to the stand-in platform."""

import asyncio
import http.client
import json
import os
import threading
import time
from urllib.parse import urlsplit

import redis

REDIS_URL = os.environ.get("BENCH_REDIS_URL", "redis://127.0.0.1:6379/0")
PLATFORM = urlsplit(os.environ.get("BENCH_PLATFORM_URL", ""))
REQUESTS = [int(n) for n in os.environ.get("BENCH_REQUESTS", "0,0,0,0").split(",")]  # one number a stage
LAST = len(REQUESTS) - 1

_local = threading.local()
_clients = {}  # by process: a connection must not cross a fork


def client():
    pid = os.getpid()
    if pid not in _clients:
        _clients[pid] = redis.Redis.from_url(REDIS_URL)
    return _clients[pid]


def work(stage):
    """What stage number `stage` does."""
    for _ in range(REQUESTS[stage]):
        _ask()
    if stage == LAST:
        client().incr("bench:done")


async def awork(stage):
    """The same where an event loop must not be held up."""
    if any(REQUESTS):
        await asyncio.to_thread(work, stage)
    else:
        work(stage)


WARM = int(os.environ.get("BENCH_WARM", "10"))  # pipelines of each process before the measured ones, where it shares


def share(count, pipeline):
    """Warm up, run `count` pipelines once everybody may go; then stay, to be weighed."""
    for number in range(WARM):
        pipeline(number)
    client().incr("bench:ready")
    while not client().exists("bench:go"):
        time.sleep(0.01)
    for number in range(WARM, WARM + count):
        pipeline(number)
    time.sleep(3600)


def run_id(number):
    """The stand-in's id of its run number `number`."""
    return f"ft-{number:08x}-0000-4000-8000-000000000000"


def status_of(run):
    return json.loads(_ask(f"/v1/fine-tunes/{run}"))["status"]


def asked():
    """How many runs the stand-in was asked for."""
    return json.loads(_ask("/bench/seen?short=1"))["counts"].get("GET /fine-tunes/{id}", 0)


def _ask(path="/v1/whoami"):
    connection = getattr(_local, "connection", None)
    if connection is None:
        connection = _local.connection = http.client.HTTPConnection(PLATFORM.hostname, PLATFORM.port, timeout=60)
    connection.request("GET", path, headers={"Authorization": "Bearer bench"})
    return connection.getresponse().read()
