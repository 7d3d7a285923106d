"""One message's time with a worker: job after job of the lines, until they are empty or others must have a turn."""

from __future__ import annotations

import time
from collections.abc import Sequence

from common.claims import Take
from common.states import JobState
from worker.stopping import StopFlag

SPELL_S = 2.0  #: one message keeps a thread, taking job after job, for about so long: then other messages have a turn
HANDFUL = 8  #: jobs that one thread holds at once, at most
QUICK_S = 0.002  #: a stage that takes longer has waited for something, and others may wait for it


class Spell:
    """One message's time: the lines that are served, and how many jobs more may be taken.

    A thread holds one job, as a stage takes its time and others could do the next job meanwhile. While stages end at
    once it holds a few: then most of the time would go by waiting for Redis, one answer after another.
    """

    def __init__(self, stop: StopFlag, queues: Sequence[str], lease_ms: int) -> None:
        self._stop = stop
        self._queues = queues
        self._lease_ms = lease_ms
        self._until = time.monotonic() + SPELL_S
        self._handful = 1
        self.drained = False  #: nobody was in line any more

    def wanted(self, job_id: str = "", stage: str = "", origin: JobState | None = None) -> Take:
        return Take(self._queues, self._lease_ms, job_id, stage, origin)

    def more(self, held: int) -> Take | None:
        """Whom to take beside those that are held."""
        count = self._handful - held
        if count < 1 or self._stop or time.monotonic() >= self._until:
            return None
        return Take(self._queues, self._lease_ms, count=count)

    def took(self, wanted: Take, count: int) -> None:
        """So many came."""
        self.drained = count < wanted.count

    def worked(self, seconds: float, jobs: int) -> None:
        """One stage each of so many jobs took so long."""
        self._handful = min(2 * self._handful, HANDFUL) if seconds < QUICK_S * jobs else 1
