"""prepare: a large HintEval JSON file into a training file, beside the tutorial's loop and beside a bare copy."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks import data
from benchmarks.kit import peers
from benchmarks.kit.processes import Broken, clean_environ, tell
from benchmarks.kit.rounds import Benchmark, Chart, Column, Figures, Options, Subject, Table, Verdict
from benchmarks.ours import installation
from benchmarks.roads import plain_spec

OURS = "hintrelay prepare"
TUTORIAL = "the tutorial's loop, HintEval's objects"
COPY = "orjson: read and write the same JSON"
_rounds = itertools.count()


@contextmanager
def subjects(options: Options) -> Iterator[list[Subject]]:
    """One file for all: shared/data/wikihint over and over, as HintEval writes it."""
    rows = options.count(10_000, 100_000)
    compact = data.write(options.folder / "prepare" / "compact.json", train=rows, test=10)
    source = compact.with_name("rows.json")
    _told([sys.executable, str(peers.SCRIPTS / "preparing.py"), "store", str(compact), str(source)], {})
    options.say(f"prepare: {rows:,} rows, {source.stat().st_size / 1e6:.0f} MB")
    found = [Subject(OURS, partial(_ours, options, source, rows))]
    if options.peers:
        found.append(Subject(COPY, partial(_other, options, "orjson", source, rows)))
        found.append(Subject(TUTORIAL, partial(_other, options, "tutorial", source, rows)))
    yield found


def _ours(options: Options, source: Path, rows: int) -> Figures:
    """The real stage under the real runner: from the artifact store to the artifact store, lease and move included."""
    from producer.bootstrap import build

    folder = options.folder / f"prepare-{next(_rounds)}"
    with installation(folder) as place:
        producer = build(place.settings)
        job = producer.submit(plain_spec(str(source)))
        told = _told([sys.executable, "-m", "benchmarks.preparing", job.id, "prepare"], place.environ)
        counts = producer.get(job.id).facts.get("counts")
        if told.pop("state") != "prepared":
            raise Broken(f"prepare ended otherwise: {producer.get(job.id).error}")
        assert counts, "a prepared job knows its counts"
        return _figures(told, rows, source)


def _other(options: Options, way: str, source: Path, rows: int) -> Figures:
    target = options.folder / f"prepare-{next(_rounds)}.out"
    command = [sys.executable, str(peers.SCRIPTS / "preparing.py"), way, str(source), str(target)]
    told = _told(command, {})
    target.unlink()
    return _figures(told, rows, source)


def _told(command: list[str], env: dict[str, str]) -> dict[str, float | str]:
    said = tell(command, {**clean_environ(), **env}, data.ROOT)
    told: dict[str, float | str] = json.loads(said.splitlines()[-1])
    return told


def _figures(told: dict[str, float | str], rows: int, source: Path) -> Figures:
    figures = {name: float(value) for name, value in told.items()}
    return {**figures, "rows_per_s": rows / figures["seconds"], "rows": rows, "mb": source.stat().st_size / 1e6}


def judge(table: Table) -> list[Verdict]:
    return [
        Verdict("5 x the tutorial's rate", table.ratio(OURS, TUTORIAL, "rows_per_s"), 5, True),
        Verdict("60 MB above the idle process", table.spread(OURS, "above_mb"), 60, False, "MB"),
    ]


BENCHMARK = Benchmark(
    name="prepare",
    title="A large data set into a training file",
    about="HintEval JSON in, training file out, imports not counted. The bare copy holds it all in memory.",
    columns=[
        Column("rows_per_s", "rows/s", "1/s", 0),
        Column("seconds", "time", "s", 2),
        Column("cpu_s", "CPU", "s", 2),
        Column("above_mb", "peak memory above idle", "MB", 0),
        Column("rows", "rows", "", 0),
        Column("mb", "file", "MB", 0),
    ],
    subjects=subjects,
    judge=judge,
    charts=[Chart("rows_per_s", "Preparing a data set"), Chart("above_mb", "Preparing: memory above the idle process")],
    rounds=2,
)
