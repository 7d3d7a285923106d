"""A process that ticks: `python -m benchmarks.ticking TICKS`, its settings and its jobs being there already.

Between two ticks five seconds pass on its clock, so that looks that are due come as they would; beside each tick the
same list is fetched and parsed by httpx and orjson alone. Prints what each cost, as JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import httpx
import orjson
import psutil

from common import logs, settings
from common.connection import connect
from common.keys import Keys
from common.store import Store
from worker import bootstrap
from worker.stopping import StopFlag

STEP_S = 5.0
CLOCK_MS = 0.01  #: no CPU figure is finer
WARM = 2  #: ticks that see all runs for the first time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ticks", type=int)
    ticks = parser.parse_args().ticks
    found = settings.load()
    logs.configure(found)
    ahead = [0.0]
    client = connect(found.redis_url)

    def clock() -> int:
        return int((time.time() + ahead[0]) * 1000)

    bootstrap.make_store = lambda settings, role: Store(  # the ticks' clock runs ahead
        client, url=settings.redis_url, actor=role, nudge_ms=int(settings.nudge_seconds * 1000), clock=clock
    )
    tick = bootstrap.build(found, ["platform"], StopFlag()).tick
    assert tick is not None, "the platform queue has the tick"
    bare = httpx.Client()
    seen: list[dict[str, float]] = []
    first = 0.0
    for number in range(WARM + ticks):
        client.delete(Keys.tick)  # its expiry is by the server's clock
        before = _calls(found)
        works = [tick.run, lambda: orjson.loads(bare.get(f"{found.platform_url}/fine-tunes").content)]
        ours, fetched = _in_turns(works, backwards=bool(number % 2))
        calls = _calls(found) - before - 1  # one of them is the fetch beside it
        if number >= WARM:
            seen.append({**ours, "calls": calls, "bare_cpu_ms": max(fetched["cpu_ms"], CLOCK_MS)})
        elif not number:
            first = ours["cpu_ms"]
        ahead[0] += STEP_S
    json.dump({**figures(seen), "first_cpu_ms": first}, sys.stdout)


def figures(seen: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of a period: means over all ticks, also those in which the list rests. Against the bare list, only the ticks that
    asked for it count, each with the fetch beside it."""
    found = {name: statistics.fmean(one[name] for one in seen) for name in ("cpu_ms", "wall_ms", "calls")}
    asking = [one for one in seen if one["calls"]] or seen
    for name in ("cpu_ms", "bare_cpu_ms"):
        found[f"asking_{name}"] = statistics.median(one[name] for one in asking)
    found["times_bare"] = statistics.median(one["cpu_ms"] / one["bare_cpu_ms"] for one in asking)
    found["most_calls"] = max(one["calls"] for one in seen)
    found["rss_mb"] = psutil.Process().memory_info().rss / 1_000_000
    return found


def _in_turns(works: Sequence[Callable[[], object]], *, backwards: bool) -> list[dict[str, float]]:
    """What each cost, in the order of `works`; every second time the last one is first."""
    step = -1 if backwards else 1
    return [_cost(work) for work in works[::step]][::step]


def _cost(work: Callable[[], object]) -> dict[str, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return {"cpu_ms": (time.process_time() - cpu) * 1000, "wall_ms": (time.perf_counter() - wall) * 1000}


def _calls(found: settings.Settings) -> int:
    return int(sum(httpx.get(f"{found.platform_root}/bench/seen?short=1").json()["counts"].values()))


if __name__ == "__main__":
    main()
