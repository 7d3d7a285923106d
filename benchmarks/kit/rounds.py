"""Interleaved rounds (A B C A B C ...), medians with their range, and ratios within one round."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.kit.processes import Broken

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of a table."""

    key: str
    heading: str
    unit: str
    digits: int = 1


@dataclass(frozen=True, slots=True)
class Subject:
    """One program under measurement. `run` is one round; `rounds` caps how many it gets, where one takes long."""

    name: str
    run: Callable[[], Figures]
    rounds: int | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with the smallest and the largest value it came from."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal of the project and what was measured. `measured` is None where a side of the comparison is missing."""

    goal: str
    measured: Spread | None
    limit: float
    at_least: bool
    unit: str = "x"
    note: str = ""

    @property
    def met(self) -> bool | None:
        if self.measured is None:
            return None
        return self.measured.median >= self.limit if self.at_least else self.measured.median <= self.limit


@dataclass(slots=True)
class Table:
    """What each subject gave in each round, in the order of the rounds; `faults` tells who gave nothing, and why."""

    rows: dict[str, list[Figures]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    def spread(self, subject: str, key: str) -> Spread | None:
        values = [figures[key] for figures in self.rows.get(subject, []) if key in figures]
        return Spread.of(values) if values else None

    def ratio(self, one: str, other: str, key: str, other_key: str | None = None) -> Spread | None:
        """`one` divided by `other`, round by round. A side that has fewer rounds is taken by its median."""
        left, right = self.rows.get(one, []), self.rows.get(other, [])
        tops = [figures[key] for figures in left if key in figures]
        bottoms = [figures[other_key or key] for figures in right if (other_key or key) in figures]
        if not tops or not bottoms or not all(bottoms):
            return None
        if len(tops) != len(bottoms):
            bottoms = [statistics.median(bottoms)] * len(tops)
        return Spread.of([top / bottom for top, bottom in zip(tops, bottoms, strict=True)])

    def best(self, subjects: Sequence[str], key: str) -> str | None:
        """The subject with the largest median of `key`."""
        found = {name: spread.median for name in subjects if (spread := self.spread(name, key))}
        return max(found, key=lambda name: found[name]) if found else None


@dataclass(frozen=True, slots=True)
class Options:
    """How a benchmark is to run. `scale` shrinks the counts: only a test of the benches themselves does that."""

    folder: Path
    say: Callable[[str], None]
    full: bool = False
    rounds: int | None = None
    scale: float = 1.0
    peers: bool = True

    def count(self, quick: int, full: int | None = None, least: int = 4) -> int:
        number = full if self.full and full is not None else quick
        return max(least, int(number * self.scale))


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn: bars of one column, or lines of one column over another."""

    y: str
    title: str
    x: str | None = None
    log: bool = False


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One question, asked of several programs. `subjects` prepares what the rounds share and cleans up after them."""

    name: str
    title: str
    about: str
    columns: Sequence[Column]
    subjects: Callable[[Options], AbstractContextManager[list[Subject]]]
    judge: Callable[[Table], list[Verdict]]
    charts: Sequence[Chart]
    rounds: int = 3
    notes: Callable[[Table], list[str]] = lambda table: []


def play(bench: Benchmark, options: Options) -> Table:
    """All rounds. A subject that breaks is left out from then on, and the table says why."""
    table = Table()
    with bench.subjects(options) as subjects:
        for number, subject in _order(subjects, options.rounds or bench.rounds):
            if subject.name in table.faults:
                continue
            options.say(f"{bench.name}: round {number}, {subject.name}")
            try:
                table.rows.setdefault(subject.name, [])  # keeps its place where it breaks
                table.rows[subject.name].append(subject.run())
            except Broken as exc:
                table.faults[subject.name] = str(exc)
                options.say(f"{bench.name}: {subject.name} broke: {exc}")
    return table


def _order(subjects: Sequence[Subject], rounds: int) -> Iterator[tuple[int, Subject]]:
    """Each round has all subjects, every second one backwards: what drifts hits both ends alike."""
    for number in range(1, rounds + 1):
        line = subjects if number % 2 else list(reversed(subjects))
        yield from ((number, one) for one in line if one.rounds is None or number <= one.rounds)
