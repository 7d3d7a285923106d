"""flow: a small batch behind a large one, and a platform that refuses what comes too fast."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx

from benchmarks import data
from benchmarks.kit.processes import await_true
from benchmarks.kit.rounds import Benchmark, Chart, Column, Figures, Options, Subject, Table, Verdict
from benchmarks.kit.servers import sandbox
from benchmarks.ours import installation
from benchmarks.roads import plain_spec
from common.states import JobState

FAIR = "hintrelay: a batch of 3 behind one of"
PACED = "hintrelay: a platform that takes"
SMALL, RUNNING, WARM = 3, 50, 2
FEW = 50.0  #: a hundredth of the large batch; first come, first served would be nearly all of it
CREW = [["platform,hints", "--concurrency", "1", "--road", "four"]] * 2
UPLOADING = [["platform", "--road", "real"], ["platform", "--road", "real"], ["hints", "--road", "real"]]
REQUESTS = 5  #: of a job from submit to training
ALLOWED_S = 25  #: what the platform takes in this time is asked of it: less than half of a subject's limit
_rounds = itertools.count()


@contextmanager
def subjects(options: Options) -> Iterator[list[Subject]]:
    """The same at two sizes: what a small batch waits for must not grow with the large one."""
    found = [
        Subject(f"{FAIR} {large:,}", partial(_fair, options, large))
        for large in (options.count(500, least=RUNNING * 2), options.count(5_000, least=RUNNING * 4))
    ]
    for rps, burst in ((20, 20), (60, 60), (5, 1), (40, 1)) if options.full else ((20, 20), (40, 1)):
        strict = ", one at a time" if burst == 1 else ""
        found.append(Subject(f"{PACED} {rps} requests/s{strict}", partial(_paced, options, rps, burst)))
    yield found


def _fair(options: Options, large: int) -> Figures:
    """Jobs of the large batch that end from the small one's submit until the small one has ended."""
    with installation(_folder(options)) as place:
        place.start_workers(CREW)
        customer = place.customer(four=True)
        customer.submit(large)
        await_true(lambda: customer.succeeded() >= RUNNING, "the large batch runs", place.crew)
        before, began = customer.succeeded(), time.perf_counter()
        small = customer.submit(SMALL)
        await_true(lambda: all(customer.store.get(job).finished for job in small), "the small batch ends", place.crew)
        wall, ended = time.perf_counter() - began, customer.succeeded()
        return {
            "waited_for": float(ended - before - SMALL),
            "large": float(large),
            "seconds": wall,
            "jobs": float(SMALL),
            "failed": float(customer.count(JobState.FAILED)),
        }


def _paced(options: Options, rps: int, burst: int) -> Figures:
    """From submit to training, as `realistic` has it; the bytes of uploads do not count as requests."""
    from producer.bootstrap import build

    folder, count = _folder(options), min(options.count(30, 100), rps * ALLOWED_S // REQUESTS)
    source = data.write(folder / "rows.json", train=20, test=1)
    with (
        sandbox(folder, "--train-seconds", "36000", "--validate-seconds", "0") as (url, _),
        installation(folder, url) as place,
    ):
        place.start_workers(UPLOADING)
        place.start_beat()
        producer, customer = build(place.settings), place.customer()

        def await_settled(jobs: int) -> None:
            await_true(lambda: _settled(customer.count) >= jobs, f"{jobs} jobs train or have failed", place.crew)

        specs = [plain_spec(str(source), dataset__seed=seed) for seed in range(WARM + count)]
        producer.submit_all(specs[:WARM])
        await_settled(WARM)
        # a bucket of a second's worth: N requests in any one second, as limits are mostly meant; one of 1 is strict
        httpx.post(f"{url}/sandbox/limits", json={"platform_rps": rps, "burst": burst}).raise_for_status()
        before, began = _asked(url), time.perf_counter()
        producer.submit_all(specs[WARM:])
        await_settled(WARM + count)
        wall = time.perf_counter() - began
        failed = float(customer.count(JobState.FAILED))
        return {**_refusals(url, rps, wall, before), "jobs": float(count), "failed": failed, "seconds": wall}


def _settled(count: Callable[[JobState], int]) -> int:
    return count(JobState.TRAINING) + count(JobState.FAILED)


def _refusals(url: str, rps: int, wall: float, before: float) -> Figures:
    """How much of what the platform takes was used, and how often its limit was overstepped."""
    refused = float(httpx.get(f"{url}/sandbox/limits").json()["refused"])
    asked = _asked(url) - before
    taken = asked - refused
    return {"taken_per_s": taken / wall, "share": taken / wall / rps * 100, "refused": refused / max(asked, 1.0) * 100}


def _asked(url: str) -> float:
    """Requests so far that count against the limit: the bytes of uploads do not."""
    counts = httpx.get(f"{url}/sandbox/counts").json()
    return float(sum(times for what, times in counts.items() if not what.startswith("PUT ")))


def _folder(options: Options) -> Path:
    return options.folder / f"flow-{next(_rounds)}"


def judge(table: Table) -> list[Verdict]:
    """What the issue asks for in words: a large batch starves none, and 429 fails no job."""
    found = []
    for name in table.rows:
        if name.startswith(PACED):
            found.append(Verdict(f"no job fails: {name}", table.spread(name, "failed"), 0, False, "jobs"))
    fair = [name for name in table.rows if name.startswith(FAIR)]
    if fair:
        waited = table.spread(fair[-1], "waited_for")
        found.append(Verdict(f"jobs that it waits for: {fair[-1]}", waited, FEW, False, "jobs"))
    return found


BENCHMARK = Benchmark(
    name="flow",
    title="A small batch behind a large one; a platform that answers 429",
    about="Fairness: four empty stages, two workers. Pace: from submit to training, 5 requests a job, 2 x 16 threads.",
    columns=[
        Column("waited_for", "jobs of the large batch that end first", "", 0),
        Column("taken_per_s", "requests taken", "1/s", 1),
        Column("share", "of the limit", "%", 0),
        Column("refused", "answered 429", "%", 1),
        Column("failed", "failed jobs", "", 0),
        Column("seconds", "time", "s", 2),
        Column("jobs", "jobs", "", 0),
    ],
    subjects=subjects,
    judge=judge,
    charts=[
        Chart("waited_for", "A batch of 3 behind a large one: how many of its jobs end first"),
        Chart("share", "A platform that answers 429 beyond its limit: how much of the limit is used"),
    ],
    rounds=2,
)
