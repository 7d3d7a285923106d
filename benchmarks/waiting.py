"""waiting: what a job costs that trains for hours, and how soon it is noticed that it has ended."""

from __future__ import annotations

import itertools
import json
import math
import re
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx

from benchmarks.kit import peers
from benchmarks.kit.processes import Crew, clean_environ, tell
from benchmarks.kit.rounds import Benchmark, Chart, Column, Figures, Options, Subject, Table, Verdict
from benchmarks.kit.servers import ROOT, platform, valkey
from benchmarks.ours import Installation, installation
from benchmarks.seeding import bring
from common.keys import Keys
from common.states import JobState

OURS, THREADS, AGAIN = "hintrelay tick", "thread a job, SDK", "Celery task that comes again"
PROCESSES = "the tutorial's script, a process a job"
PERIOD_S = 5.0
LARGEST = 10_000
_rounds = itertools.count()


@contextmanager
def subjects(options: Options) -> Iterator[list[Subject]]:
    """Ours at three sizes, the peers at sizes that they can bear, and the time to detection."""
    found = [
        Subject(_name(OURS, jobs), partial(_ticks, options, jobs))
        for jobs in (options.count(100), options.count(1_000), options.count(LARGEST))
    ]
    if options.peers:
        for jobs in [100, 1_000, 10_000] if options.full else [1_000]:
            found.append(Subject(_name(THREADS, jobs), partial(_threads, options, jobs), rounds=1))
            found.append(Subject(_name(AGAIN, jobs), partial(_again, options, jobs), rounds=1))
        jobs = 8 if options.full else 2
        found.append(Subject(_name(PROCESSES, jobs), partial(_processes, options, jobs), rounds=1))
    yield found


def _name(program: str, jobs: int) -> str:
    return f"{program}, {jobs:,} jobs"


def _ticks(options: Options, jobs: int) -> Figures:
    folder = _folder(options)
    with platform(folder) as (url, _), installation(folder, url) as place:
        empty = place.server.used_bytes()
        _train(place, url, jobs)
        used, history = place.server.used_bytes() - empty, place.server.client.memory_usage(Keys.events, samples=0)
        figures = _ticking(place, 12)
        return {
            **figures,
            "jobs": float(jobs),
            "bytes": used / jobs,
            "record_bytes": (used - int(history or 0)) / jobs,
        }


def _train(place: Installation, url: str, jobs: int) -> None:
    """So many jobs in training, each with its run in the platform's list."""
    run_ids = [run_id(number) for number in range(jobs)]
    ids = bring(place.customer().store, jobs, JobState.TRAINING, run_ids=run_ids)
    httpx.post(f"{url}/bench/seed", json=[f"bench-{job_id}" for job_id in ids], timeout=60).raise_for_status()


def run_id(number: int) -> str:
    """The stand-in's id of its run number `number`."""
    return f"ft-{number:08x}-0000-4000-8000-000000000000"


def _ticking(place: Installation, ticks: int) -> Figures:
    command = [sys.executable, "-m", "benchmarks.ticking", str(ticks)]
    found: Figures = json.loads(tell(command, {**clean_environ(), **place.environ}, ROOT))
    return found


def _threads(options: Options, jobs: int) -> Figures:
    """In this Python: the SDK is the same. The window is one period, in `--full` two."""
    return _asking(options, "threads_poll.py", jobs)


def _processes(options: Options, jobs: int) -> Figures:
    """As the tutorial's script is: each job a process, which has imported HintEval."""
    return _asking(options, "tutorial_wait.py", jobs)


def _asking(options: Options, script: str, jobs: int) -> Figures:
    with platform(_folder(options)) as (url, _):
        httpx.post(f"{url}/bench/seed", json=[f"bench-{number}" for number in range(jobs)]).raise_for_status()
        window = PERIOD_S * (2 if options.full else 1)
        env = {**clean_environ(), "BENCH_PLATFORM_URL": url, "BENCH_PERIOD": str(PERIOD_S)}
        command = [sys.executable, str(peers.SCRIPTS / script), str(jobs), str(window)]
        return {**json.loads(tell(command, env, peers.SCRIPTS)), "jobs": float(jobs)}


def _again(options: Options, jobs: int) -> Figures:
    """Celery's prefork 2: a task per job that asks, and sends itself again with a countdown of one period."""
    folder = _folder(options)
    python = peers.environment("celery", options.say)
    with platform(folder) as (url, _), valkey(folder) as server:
        httpx.post(f"{url}/bench/seed", json=[f"bench-{number}" for number in range(jobs)]).raise_for_status()
        env = {"BENCH_REDIS_URL": server.url, "BENCH_PLATFORM_URL": url, "BENCH_PERIOD": str(PERIOD_S)}
        with Crew(folder, env, cwd=peers.SCRIPTS) as crew:
            crew.start("worker", [str(python), "celery_poll.py", "work", "2"])
            tell([str(python), "celery_poll.py", "send", str(jobs)], {**clean_environ(), **env}, peers.SCRIPTS)
            time.sleep(PERIOD_S)
            before, asked, began = crew.cpu_s(), _asked(url), time.monotonic()
            time.sleep(PERIOD_S * (2 if options.full else 1))
            periods = (time.monotonic() - began) / PERIOD_S
            return {
                "jobs": float(jobs),
                "cpu_ms": (crew.cpu_s() - before) / periods * 1000,
                "calls": (_asked(url) - asked) / periods,
                "rss_mb": crew.pss_mb(),
            }


def _asked(url: str) -> int:
    return int(sum(httpx.get(f"{url}/bench/seen?short=1").json()["counts"].values()))


def _folder(options: Options) -> Path:
    return options.folder / f"waiting-{next(_rounds)}"


def judge(table: Table) -> list[Verdict]:
    """The goals of waiting, at the largest number of jobs."""
    largest = max((name for name in table.rows if name.startswith(OURS)), key=_jobs, default="")
    return [
        Verdict("one HTTP call a tick", table.spread(largest, "most_calls"), 1, False, "calls", largest),
        Verdict("1.5 x fetching and parsing the list alone", table.spread(largest, "times_bare"), 1.5, False),
        Verdict("2 KB of Redis memory a waiting job", table.spread(largest, "bytes"), 2048, False, "bytes"),
    ]


def notes(table: Table) -> list[str]:
    """The growth law: how the CPU of a period grows with the jobs that wait."""
    found = []
    for program in (OURS, THREADS, AGAIN):
        points = []
        for name in table.rows:
            cpu = table.spread(name, "cpu_ms")
            if name.startswith(f"{program}, ") and cpu and cpu.median > 0:
                points.append((float(_jobs(name)), cpu.median))
        if len(points) > 1:
            base, each = _line(points)
            power, _ = _slope([(math.log(jobs), math.log(cpu)) for jobs, cpu in points])
            found.append(
                f"growth, {program}: CPU of a period = {base:.1f} ms + {each * 1000:.2f} us for each waiting job "
                f"(as jobs to the power of {power:.2f})"
            )
    return found


def _line(points: list[tuple[float, float]]) -> tuple[float, float]:
    """Least squares of the relative errors, for the sizes span two orders: (constant, slope)."""
    weights = [1 / cpu**2 for _, cpu in points]
    total = sum(weights)
    mean_x = sum(w * x for w, (x, _) in zip(weights, points, strict=True)) / total
    mean_y = sum(w * y for w, (_, y) in zip(weights, points, strict=True)) / total
    over = sum(w * (x - mean_x) * (y - mean_y) for w, (x, y) in zip(weights, points, strict=True))
    under = sum(w * (x - mean_x) ** 2 for w, (x, _) in zip(weights, points, strict=True))
    return mean_y - mean_x * over / under, over / under


def _slope(points: list[tuple[float, float]]) -> tuple[float, float]:
    slope, constant = statistics.linear_regression(*zip(*points, strict=True))
    return slope, constant


def _jobs(name: str) -> int:
    found = re.search(r"([\d,]+) jobs$", name)
    return int(found[1].replace(",", "")) if found else 0


BENCHMARK = Benchmark(
    name="waiting",
    title="Jobs that train",
    about="Of a period of 5 s; nothing changes. hintrelay: twelve ticks, beside each the list fetched and parsed.",
    columns=[
        Column("jobs", "waiting jobs", "", 0),
        Column("calls", "HTTP calls a period", "", 1),
        Column("cpu_ms", "CPU a period", "ms", 1),
        Column("asking_cpu_ms", "CPU of a tick that asks", "ms", 1),
        Column("asking_bare_cpu_ms", "CPU of list and parsing", "ms", 1),
        Column("times_bare", "tick / bare", "x", 2),
        Column("wall_ms", "tick, wall", "ms", 1),
        Column("bytes", "Redis a job", "bytes", 0),
        Column("rss_mb", "memory", "MB", 0),
        Column("first_cpu_ms", "CPU of a process's first tick", "ms", 0),
    ],
    subjects=subjects,
    judge=judge,
    charts=[
        Chart("cpu_ms", "CPU for one period of 5 s of waiting", x="jobs", log=True),
        Chart("calls", "HTTP calls in one period of 5 s of waiting", x="jobs", log=True),
    ],
    rounds=2,
    notes=notes,
)
