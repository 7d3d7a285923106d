"""submit: ten thousand jobs of one matrix, and looking at a store that holds a hundred thousand."""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil

from benchmarks.kit import peers
from benchmarks.kit.processes import Broken, clean_environ, tell
from benchmarks.kit.rounds import Benchmark, Chart, Column, Figures, Options, Subject, Table, Verdict
from benchmarks.kit.servers import valkey
from benchmarks.ours import Installation, installation
from benchmarks.roads import plain_document
from benchmarks.seeding import fill
from common.states import JobState

OURS = "hintrelay submit_all, one matrix"
CLI = "hintrelay submit SPEC, the whole command"
CHAINS = "bare Celery chains of four"
FINISHED = 100_000
LOOKS = {
    "ls": ["ls"],
    "ls -o json": ["ls", "-o", "json"],
    "pending": ["pending"],
    "show": ["show", "JOB"],
}
_rounds = itertools.count()


@contextmanager
def subjects(options: Options) -> Iterator[list[Subject]]:
    """The senders, then the commands on a store full of finished jobs."""
    senders = [Subject(OURS, partial(_submit, options)), Subject(CLI, partial(_command, options))]
    if options.peers:
        peers.environment("celery", options.say)
        senders.append(Subject(CHAINS, partial(_chains, options)))
    count = options.count(FINISHED)
    with installation(options.folder / "finished") as place:
        options.say(f"submit: putting {count:,} finished jobs into a store")
        job = fill(place.customer().store, count, JobState.SUCCEEDED)[-1]
        yield senders + [
            Subject(f"{name}, {count:,} jobs", partial(_look, place, [job if w == "JOB" else w for w in words]))
            for name, words in LOOKS.items()
        ]


def _submit(options: Options) -> Figures:
    """A matrix of so many jobs through the Python client: expanded, checked, stored, the first chains sent."""
    from common.matrix import expand
    from producer.bootstrap import build

    count = options.count(10_000)
    with installation(_folder(options)) as place:
        document = {**plain_document(), "matrix": {"dataset.seed": list(range(count))}}
        producer = build(place.settings)
        empty = place.server.used_bytes()
        began, cpu = time.perf_counter(), time.process_time()
        specs = expand(document)
        expanded = time.perf_counter()
        made = producer.submit_all(specs)
        wall = time.perf_counter() - began
        if len(set(made)) != count:
            raise Broken(f"{len(set(made))} jobs were made of {count}")
        return {
            "jobs_per_s": count / wall,
            "cpu_ms": (time.process_time() - cpu) / count * 1000,
            "stored_bytes": (place.server.used_bytes() - empty) / count,
            "jobs": float(count),
            "seconds": wall,
            "expand_s": expanded - began,
        }


def _command(options: Options) -> Figures:
    """The same matrix by the command line, from the start of its process to its end."""
    count = options.count(10_000)
    with installation(_folder(options)) as place:
        spec = place.settings.home.parent / "matrix.json"
        spec.write_text(json.dumps({**plain_document(), "matrix": {"dataset.seed": list(range(count))}}))
        figures = _cli(place, ["submit", str(spec), "-o", "jsonl"])
        return {
            "jobs_per_s": count / figures["seconds"],
            "cpu_ms": figures["cpu_s"] / count * 1000,
            "jobs": float(count),
            **figures,
        }


def _chains(options: Options) -> Figures:
    """What the peer's own sender takes, start of the process left out by sending nothing first."""
    count = options.count(2_000)
    folder = _folder(options)
    with valkey(folder) as server:
        python = peers.environment("celery", options.say)
        env = {**os.environ, "BENCH_REDIS_URL": server.url}

        def send(how_many: int) -> tuple[float, float]:
            command = [str(python), str(peers.SCRIPTS / "celery_chain.py"), "send", str(how_many)]
            began, before = time.perf_counter(), _children_cpu()
            tell(command, env, peers.SCRIPTS)
            return time.perf_counter() - began, _children_cpu() - before

        start_s, start_cpu = send(1)
        empty = server.used_bytes()
        wall, cpu = send(count + 1)
        return {
            "jobs_per_s": count / (wall - start_s),
            "cpu_ms": (cpu - start_cpu) / count * 1000,
            "stored_bytes": (server.used_bytes() - empty) / count,
            "jobs": float(count),
            "seconds": wall - start_s,
        }


def _look(place: Installation, words: list[str]) -> Figures:
    return _cli(place, words)


def _cli(place: Installation, words: list[str]) -> Figures:
    """A command, cold: a new process, its whole life."""
    env = {
        **clean_environ(),
        "HINTRELAY_REDIS_URL": place.settings.redis_url,
        "HINTRELAY_HOME": str(place.settings.home),
        "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
    }
    command = [sys.executable, "-m", "producer.cli", *words]
    began, before = time.perf_counter(), _children_cpu()
    said = tell(command, env, place.settings.home.parent)
    wall = time.perf_counter() - began
    return {"seconds": wall, "cpu_s": _children_cpu() - before, "printed_kb": len(said) / 1000}


def _children_cpu() -> float:
    times = psutil.Process().cpu_times()
    return float(times.children_user + times.children_system)


def _folder(options: Options) -> Path:
    return options.folder / f"submit-{next(_rounds)}"


def judge(table: Table) -> list[Verdict]:
    """The rate of submitting, and `ls` cold."""
    listing = next((name for name in table.rows if name.startswith("ls, ")), "ls")
    return [
        Verdict("10 x the rate of sending bare Celery chains", table.ratio(OURS, CHAINS, "jobs_per_s"), 10, True),
        Verdict("`hintrelay ls`, cold, with 100,000 jobs", table.spread(listing, "seconds"), 0.5, False, "s"),
    ]


BENCHMARK = Benchmark(
    name="submit",
    title="Submitting 10,000 jobs, and looking at 100,000",
    about="The chains are sent 2,000 at a time and their rate taken. Commands are whole processes, from start to end.",
    columns=[
        Column("jobs_per_s", "jobs/s", "1/s", 0),
        Column("cpu_ms", "CPU of the sender, a job", "ms", 3),
        Column("stored_bytes", "Redis memory a job", "bytes", 0),
        Column("seconds", "time", "s", 2),
        Column("printed_kb", "printed", "kB", 0),
    ],
    subjects=subjects,
    judge=judge,
    charts=[Chart("jobs_per_s", "Submitting: jobs stored and sent a second, one process")],
)
