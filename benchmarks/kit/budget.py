"""How long things may take: a benchmark has its budget, one round of one subject its limit, the whole run its end."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

from benchmarks.kit.processes import Broken


class Overrun(Broken):
    """It was not done in its time."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Seconds that a benchmark has, in the quick run and in the full one; `limit` is one round of one subject."""

    quick: float
    full: float
    limit: float

    def seconds(self, *, full: bool) -> float:
        return self.full if full else self.quick


@dataclass(frozen=True, slots=True)
class Budget:
    """Of one benchmark, from now. `ends` is when the whole run has to be over, by the same clock; `later_s` is what the
    benchmarks after this one want."""

    seconds: float
    limit_s: float
    ends: float
    began: float
    clock: Callable[[], float]
    later_s: float

    @classmethod
    def start(
        cls,
        seconds: float,
        limit_s: float,
        ends: float = float("inf"),
        clock: Callable[[], float] = time.monotonic,
        later_s: float = 0.0,
    ) -> Budget:
        return cls(seconds, limit_s, ends, clock(), clock, later_s)

    def holds(self, seconds: float) -> bool:
        """Whether a further round fits that takes as long as the last one did, and leaves the others their time."""
        return self.clock() + seconds <= min(self.began + self.seconds, self.ends - self.later_s)

    def limit(self) -> float:
        """How long a subject may take. The first round may overrun the budget, never the whole run's end."""
        return min(self.limit_s, self.ends - self.clock())


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raises Overrun in the block when it takes longer, wherever it stands; clean-ups are let finish."""
    if seconds <= 0:
        raise Overrun("no time was left for it in the whole run")
    if threading.current_thread() is not threading.main_thread():
        yield  # signals belong to the main thread; only tests run elsewhere
        return

    def over(number: int, frame: FrameType | None) -> None:
        raise Overrun(f"not done within its {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
