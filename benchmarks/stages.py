"""stages: every stage and the tick, with a platform that answers at once; jobs a second from submit to succeeded."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks import data
from benchmarks.kit.processes import await_true
from benchmarks.kit.rounds import Benchmark, Chart, Column, Figures, Options, Subject, Table, Verdict
from benchmarks.kit.servers import sandbox
from benchmarks.ours import installation
from benchmarks.roads import plain_spec

ALIKE = "hintrelay, one training file for all"
APART = "hintrelay, a training file each"
LAYOUT = [["platform", "--road", "real"], ["hints", "--road", "real"]]
WARM = 2
_rounds = itertools.count()


@contextmanager
def subjects(options: Options) -> Iterator[list[Subject]]:
    """A sweep over hyperparameters, whose jobs train on the same bytes, and one over seeds."""
    yield [
        Subject(ALIKE, partial(_run, options, apart=False)),
        Subject(APART, partial(_run, options, apart=True)),
    ]


def _run(options: Options, *, apart: bool) -> Figures:
    from producer.bootstrap import build

    count = options.count(100, 400)
    folder = options.folder / f"stages-{next(_rounds)}"
    source = data.write(folder / "rows.json", train=40, test=2)
    with (
        sandbox(folder, "--train-seconds", "0.01", "--validate-seconds", "0") as (url, platform),
        installation(folder, url, HINTRELAY_TICK_SECONDS="0.5") as place,
    ):
        place.start_workers(LAYOUT)
        place.start_beat()
        producer, customer = build(place.settings), place.customer()

        def submit(start: int, how_many: int) -> None:
            specs = [
                plain_spec(str(source), **{"dataset__seed": n} if apart else {"finetune__warmup_ratio": n / 10_000})
                for n in range(start, start + how_many)
            ]
            for job in producer.submit_all(specs):
                producer.register_deployment(job.id, "bench/model")

        submit(0, WARM)
        await_true(lambda: customer.succeeded() >= WARM, "the first jobs succeed", place.crew)
        before, platform_before, began = place.crew.cpu_s(), platform.cpu_s(), time.perf_counter()
        submit(WARM, count)
        await_true(lambda: customer.succeeded() >= WARM + count, f"{count} jobs succeed", place.crew, 120)
        wall = time.perf_counter() - began
        return {
            "jobs_per_s": count / wall,
            "cpu_ms": (place.crew.cpu_s() - before) / count * 1000,
            "sandbox_ms": (platform.cpu_s() - platform_before) / count * 1000,
            "pss_mb": place.crew.pss_mb(),
            "jobs": float(count),
        }


def judge(table: Table) -> list[Verdict]:
    return []


BENCHMARK = Benchmark(
    name="stages",
    title="All stages and the tick, the sandbox answering at once",
    about="From submit to succeeded over HTTP, with a tick every 0.5 s; the model and the scorer answer at once.",
    columns=[
        Column("jobs_per_s", "jobs/s", "1/s", 1),
        Column("cpu_ms", "CPU a job, hintrelay", "ms", 1),
        Column("sandbox_ms", "CPU a job, sandbox", "ms", 1),
        Column("pss_mb", "memory (PSS)", "MB", 0),
        Column("jobs", "jobs", "", 0),
    ],
    subjects=subjects,
    judge=judge,
    charts=[Chart("jobs_per_s", "All stages, a platform that answers at once")],
    rounds=2,
)
