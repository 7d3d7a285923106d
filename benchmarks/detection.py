"""detection: from a run's completion on the platform to the first question that its model is asked, by a real relay."""

from __future__ import annotations

import itertools
import random
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx

from benchmarks import data
from benchmarks.kit.processes import await_true
from benchmarks.kit.rounds import Benchmark, Chart, Column, Figures, Options, Subject, Table, Verdict
from benchmarks.kit.servers import platform
from benchmarks.ours import Installation, installation
from benchmarks.roads import plain_spec
from benchmarks.seeding import bring, prepared_facts
from benchmarks.waiting import run_id
from common.spec import JobSpec
from common.states import JobState

PERIOD_S = 5.0
EACH_TICK = 5  #: runs that complete within a tick, at odd times
TICKS = (2, 4)  #: for which they do: quick, full
WORKERS = {
    "platform": ["platform"],
    "hints": ["hints", "--concurrency", "2"],
}
_rounds = itertools.count()


@contextmanager
def subjects(options: Options) -> Iterator[list[Subject]]:
    """Among few waiting jobs and among many."""
    completed = EACH_TICK * TICKS[options.full]
    sizes = [options.count(1_000, least=completed + 1)]
    if options.full:
        sizes.append(options.count(10_000, least=completed + 2))
    yield [Subject(f"hintrelay, {jobs:,} jobs", partial(_detect, options, jobs, completed)) for jobs in sizes]


def _detect(options: Options, jobs: int, completed: int) -> Figures:
    """Runs complete at odd times; their names are registered before."""
    folder = options.folder / f"detection-{next(_rounds)}"
    with platform(folder) as (url, _), installation(folder, url, HINTRELAY_TICK_SECONDS=str(PERIOD_S)) as place:
        spec = plain_spec(str(data.write(folder / "rows.json", train=8, test=1)), evaluate__metrics=["rouge1"])
        _wait_for_names(place, url, jobs, completed + 1, spec)
        for name, words in WORKERS.items():
            place.crew.start(name, [sys.executable, "-m", "worker", "celery", *words])
        place.start_beat()
        _complete(url, completed)  # one more than are measured: the worker imports HintEval for it
        await_true(lambda: len(_seen(url)["asked_at"]) == 1, "the first model was asked", place.crew)
        chance = random.Random(11)
        for number in range(completed):
            time.sleep(chance.uniform(0, 2 * PERIOD_S / EACH_TICK))
            _complete(url, number)
        await_true(lambda: len(_seen(url)["asked_at"]) > completed, "every model was asked", place.crew)
        late = _late(_seen(url), [run_id(number) for number in range(completed)])
        return {
            "latency": statistics.median(late),
            "latest": max(late),
            "jobs": float(jobs),
            "completed": float(completed),
        }


def _wait_for_names(place: Installation, url: str, jobs: int, named: int, spec: JobSpec) -> None:
    """So many jobs in training, the first ones with the name of their model registered."""
    store, run_ids = place.customer().store, [run_id(number) for number in range(jobs)]
    prepared = prepared_facts(place, spec)
    ids = bring(store, jobs, JobState.TRAINING, spec=spec, run_ids=run_ids, prepared=prepared)
    httpx.post(f"{url}/bench/seed", json=[f"bench-{job_id}" for job_id in ids], timeout=60).raise_for_status()
    for job_id, run in zip(ids[:named], run_ids, strict=False):
        store.register(job_id, f"bench/{run}")


def _complete(url: str, number: int) -> None:
    httpx.post(f"{url}/bench/complete", json=[run_id(number)]).raise_for_status()


def _seen(url: str) -> dict[str, Any]:
    seen: dict[str, Any] = httpx.get(f"{url}/bench/seen").json()
    return seen


def _late(seen: dict[str, Any], runs: list[str]) -> list[float]:
    """Ticks from completion to the first question, of each run."""
    return [(seen["asked_at"][f"bench/{run}"] - seen["completed_at"][run]) / PERIOD_S for run in runs]


def judge(table: Table) -> list[Verdict]:
    """The slowest of all, not the median: a tick cannot be missed."""
    return [
        Verdict(f"the latest detection: {name}", table.spread(name, "latest"), 1.1, False, "ticks")
        for name in table.rows
    ]


BENCHMARK = Benchmark(
    name="detection",
    title="From completed on the platform to the first question",
    about="Ticks of 5 s, real workers with HintEval, names registered before. A name's one-token check is no question.",
    columns=[
        Column("latency", "median of the runs", "ticks", 2),
        Column("latest", "the latest of the runs", "ticks", 2),
        Column("completed", "runs that complete", "", 0),
        Column("jobs", "waiting jobs", "", 0),
    ],
    subjects=subjects,
    judge=judge,
    charts=[Chart("latest", "From completed on the platform to the first question: the latest run")],
    rounds=2,
)
