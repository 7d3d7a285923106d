"""idle: what a platform worker weighs that has nothing to do, beside a bare Celery worker with the same pool."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.kit import peers
from benchmarks.kit.processes import Crew, await_true
from benchmarks.kit.rounds import Benchmark, Chart, Column, Figures, Options, Subject, Table, Verdict
from benchmarks.kit.servers import valkey
from benchmarks.ours import installation
from common.keys import Keys

OURS = "hintrelay platform worker, threads 16"
BARE = "bare Celery worker, threads 16"
SETTLE_S, WATCH_S = 1.0, 3.0
_rounds = itertools.count()


@contextmanager
def subjects(options: Options) -> Iterator[list[Subject]]:
    """Both with sixteen threads, the default of the platform worker."""

    def ours() -> Figures:
        with installation(_folder(options)) as place:
            place.crew.start("worker", [sys.executable, "-m", "worker", "celery", "platform", "--concurrency", "16"])
            client = place.server.client
            await_true(lambda: bool(client.zcard(Keys.workers)), "the worker is ready", place.crew)
            return _weigh(place.crew)

    def bare() -> Figures:
        folder = _folder(options)
        python = peers.environment("celery", options.say)
        with valkey(folder) as server, Crew(folder, {"BENCH_REDIS_URL": server.url}, cwd=peers.SCRIPTS) as crew:
            crew.start("worker", [str(python), "celery_chain.py", "work", "16", "threads"])
            await_true(lambda: bool(server.client.smembers("_kombu.binding.celery")), "the worker is ready", crew)
            return _weigh(crew)

    yield [Subject(OURS, ours), *([Subject(BARE, bare)] if options.peers else [])]


def _weigh(crew: Crew) -> Figures:
    time.sleep(SETTLE_S)
    before = crew.cpu_s()
    time.sleep(WATCH_S)
    rss = sum(psutil.Process(pid).memory_info().rss for pid in crew.pids()) / 1_000_000
    return {"pss_mb": crew.pss_mb(), "rss_mb": rss, "cpu_ms": (crew.cpu_s() - before) / WATCH_S * 1000}


def _folder(options: Options) -> Path:
    return options.folder / f"idle-{next(_rounds)}"


def judge(table: Table) -> list[Verdict]:
    return [Verdict("1.25 x a bare Celery worker", table.ratio(OURS, BARE, "pss_mb"), 1.25, False)]


BENCHMARK = Benchmark(
    name="idle",
    title="A worker that has nothing to do",
    about="Memory and CPU of one worker process with sixteen threads, a second after it is ready.",
    columns=[
        Column("pss_mb", "memory (PSS)", "MB", 1),
        Column("rss_mb", "memory (RSS)", "MB", 1),
        Column("cpu_ms", "CPU a second", "ms", 1),
    ],
    subjects=subjects,
    judge=judge,
    charts=[Chart("pss_mb", "An idle worker with sixteen threads")],
)
