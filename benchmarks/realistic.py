"""realistic: 100 ms for each request to the platform. How near is it to what the requests alone need?"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx

from benchmarks import data
from benchmarks.kit import peers
from benchmarks.kit.processes import await_true
from benchmarks.kit.rounds import Benchmark, Chart, Column, Figures, Options, Subject, Table, Verdict
from benchmarks.kit.servers import sandbox
from benchmarks.ours import installation
from benchmarks.roads import plain_spec
from common.spec import JobSpec
from common.states import JobState

OURS = "hintrelay, 16 threads"
LATENCY_S = 0.1
CONCURRENCY = 16
WARM = 2
LAYOUT = [["platform", "--road", "real", "--concurrency", str(CONCURRENCY)], ["hints", "--road", "real"]]
QUICK = ("Celery chain, 2 x threads", "dramatiq, 4 threads")
SLOW = ("RQ", "Prefect", "DBOS", "floor: bare Lua calls", "Celery chain, prefork 2", "Celery chain, 2 solo workers")
_rounds = itertools.count()


class Requests:
    """How many requests a job of hintrelay's made: so many the peers' pipelines make too."""

    per_job = 5.0


@contextmanager
def subjects(options: Options) -> Iterator[list[Subject]]:
    """Ours, and the peers that can have 16 threads or tasks in two processes."""
    count = options.count(100, 200)
    source = data.write(options.folder / "realistic" / "rows.json", train=40, test=1)
    with sandbox(options.folder / "realistic", "--train-seconds", "36000", "--validate-seconds", "0") as (url, _):
        slow_down = [{"times": None, "action": {"delay": LATENCY_S}}]
        httpx.post(f"{url}/sandbox/faults", json=slow_down).raise_for_status()
        found = [Subject(OURS, partial(_ours, options, url, source, count))]
        for peer in peers.PEERS:
            if options.peers and not peer.again and peer.name not in SLOW and (options.full or peer.name in QUICK):
                name = f"{peer.env}, {peer.processes} x {CONCURRENCY // peer.processes} at once"
                found.append(Subject(name, partial(_peer, options, url, peer, count)))
        yield found


def _specs(source: Path, start: int, count: int) -> list[JobSpec]:
    """A seed of its own for each job: no two share a training file, so each uploads."""
    return [plain_spec(str(source), dataset__seed=seed) for seed in range(start, start + count)]


def _ours(options: Options, url: str, source: Path, count: int) -> Figures:
    from producer.bootstrap import build

    folder = _folder(options)
    with installation(folder, url) as place:
        place.start_workers(LAYOUT)
        producer, customer = build(place.settings), place.customer()
        seed = next(_rounds) * 100_000  # the sandbox lives on: other bytes each time
        producer.submit_all(_specs(source, seed, WARM))
        await_true(lambda: customer.count(JobState.TRAINING) >= WARM, "the first jobs train", place.crew)
        specs = _specs(source, seed + WARM, count)
        asked, before, began = _asked(url), place.crew.cpu_s(), time.perf_counter()
        producer.submit_all(specs)
        await_true(lambda: customer.count(JobState.TRAINING) >= WARM + count, f"{count} jobs train", place.crew)
        wall = time.perf_counter() - began
        Requests.per_job = (_asked(url) - asked) / count
        return _figures(wall, count, Requests.per_job, place.crew.cpu_s() - before, place.crew.pss_mb())


def _peer(options: Options, url: str, peer: peers.Peer, count: int) -> Figures:
    """The same number of requests, on stages two and three, as upload and finetune have them."""
    from dataclasses import replace

    requests = math.ceil(Requests.per_job)
    env = {"BENCH_PLATFORM_URL": url, "BENCH_REQUESTS": f"0,{requests - 1},1,0"}
    threads = CONCURRENCY // peer.processes
    figures = peers.run(replace(peer, threads=threads), count, _folder(options), options.say, env)
    return _figures(figures["wall_s"], count, requests, figures["cpu_ms"] * count / 1000, figures["pss_mb"])


def _figures(wall: float, count: int, requests: float, cpu_s: float, pss: float) -> Figures:
    floor = requests * count * LATENCY_S / CONCURRENCY
    return {
        "seconds": wall,
        "floor_s": floor,
        "times_floor": wall / floor,
        "requests": requests,
        "cpu_ms": cpu_s / count * 1000,
        "pss_mb": pss,
        "jobs": float(count),
    }


def _asked(url: str) -> int:
    return int(sum(httpx.get(f"{url}/sandbox/counts").json().values()))


def _folder(options: Options) -> Path:
    return options.folder / f"realistic-{next(_rounds)}"


def judge(table: Table) -> list[Verdict]:
    return [Verdict("1.3 x what the requests alone need", table.spread(OURS, "times_floor"), 1.3, False)]


BENCHMARK = Benchmark(
    name="realistic",
    title="100 ms for each request to the platform",
    about="Jobs from submit to training, each uploading a training file of its own; 16 threads or tasks for everybody.",
    columns=[
        Column("seconds", "time", "s", 2),
        Column("floor_s", "requests alone", "s", 2),
        Column("times_floor", "time / requests alone", "x", 2),
        Column("requests", "requests a job", "", 1),
        Column("cpu_ms", "CPU a job, workers", "ms", 1),
        Column("pss_mb", "memory (PSS)", "MB", 0),
        Column("jobs", "jobs", "", 0),
    ],
    subjects=subjects,
    judge=judge,
    charts=[Chart("times_floor", "100 ms a request, 16 at once: time over what the requests need")],
    rounds=2,
)
