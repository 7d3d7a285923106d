"""Interleaved rounds (A B C A B C ...), medians with their range, and ratios within one round."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.kit.budget import Budget, Slot, limited
from benchmarks.kit.processes import Broken

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of a table."""

    key: str
    heading: str
    unit: str
    digits: int = 1

    @property
    def own_unit(self) -> str:
        """The unit, where the heading does not have it already."""
        return "" if self.unit == "1/s" and self.heading.endswith("/s") else self.unit


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
    """What each subject gave in each round, in the order of the rounds; `faults` tells who broke, and why."""

    rows: dict[str, list[Figures]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    rounds: str = ""  #: how many were played of those that were wanted, and why not more

    def spread(self, subject: str, key: str) -> Spread | None:
        values = [figures[key] for figures in self.rows.get(subject, []) if key in figures]
        return Spread.of(values) if values else None

    def ratio(self, one: str, other: str, key: str, other_key: str | None = None) -> Spread | None:
        """`one` divided by `other`, round by round; rounds that only one of them had do not count."""
        pairs = zip(self.rows.get(one, []), self.rows.get(other, []), strict=False)
        found = [(left.get(key), right.get(other_key or key)) for left, right in pairs]
        ratios = [top / bottom for top, bottom in found if top is not None and bottom]
        return Spread.of(ratios) if ratios else None

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
    later_s: float = 0.0  #: what the benchmarks after this one want of it
    ends: float = float("inf")  #: when the whole run has to be over, by time.monotonic()

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


def play(bench: Benchmark, options: Options, slot: Slot) -> Table:
    """The first round, and as many whole ones after it as the budget holds. A subject that breaks or hangs is left out
    from then on, and the table says why; so does one whose preparation fails, for all of them."""
    table = Table()
    budget = Budget.start(slot.seconds(full=options.full), slot.limit, options.ends, later_s=options.later_s)
    wanted = options.rounds or bench.rounds
    try:
        with contextlib.ExitStack() as stack:
            with limited(budget.limit()):
                subjects = stack.enter_context(bench.subjects(options))
            played = _rounds(bench, subjects, wanted, budget, table, options)
    except Exception as exc:
        table.faults[bench.name] = fault(exc)
        options.say(f"{bench.name}: {fault(exc)}")
        return table
    table.rounds = f"{played} of {wanted}" + ("; the time budget held no more" if played < wanted else "")
    return table


def _rounds(
    bench: Benchmark, subjects: Sequence[Subject], wanted: int, budget: Budget, table: Table, options: Options
) -> int:
    """Each has all subjects, every second one backwards: what drifts hits both ends alike. How many were played."""
    took: dict[str, float] = {}
    for number in range(1, wanted + 1):
        line = [one for one in subjects if (one.rounds or number) >= number and one.name not in table.faults]
        if number > 1 and not (line and budget.holds(sum(took.get(one.name, 0.0) for one in line))):
            return number - 1
        for subject in line if number % 2 else reversed(line):
            options.say(f"{bench.name}: round {number}, {subject.name}")
            began = time.monotonic()
            _one(bench, subject, budget, table, options)
            took[subject.name] = time.monotonic() - began
    return wanted


def _one(bench: Benchmark, subject: Subject, budget: Budget, table: Table, options: Options) -> None:
    rows = table.rows.setdefault(subject.name, [])  # keeps its place where it breaks
    try:
        with limited(budget.limit()):
            rows.append(subject.run())
    except Exception as exc:  # whatever a peer's library or its server comes up with: the others go on
        table.faults[subject.name] = fault(exc)
        options.say(f"{bench.name}: {subject.name} broke: {fault(exc)}")


def fault(exc: Exception) -> str:
    """One that we raised speaks for itself; any other says its kind too."""
    return str(exc) if isinstance(exc, Broken) else f"{type(exc).__name__}: {exc}"
