"""One message's time with a worker: job after job of the lines, until they are empty or others must have a turn."""

from __future__ import annotations

import time
from collections.abc import Sequence

from common.claims import Claimed, Refusal, Take
from common.states import JobState
from common.store import Store
from worker.stopping import StopFlag

SPELL_S = 2.0  #: one message keeps a thread, taking job after job, for about so long: then other messages have a turn


class Spell:
    """One message's time: the lines that are served, and whether one more job may be taken."""

    def __init__(self, store: Store, stop: StopFlag, queues: Sequence[str], lease_ms: int) -> None:
        self._store = store
        self._stop = stop
        self._queues = queues
        self._lease_ms = lease_ms
        self._until = time.monotonic() + SPELL_S
        self._taken: Claimed | None = None
        self.drained = False  #: nobody was in line any more

    def wanted(self, job_id: str = "", stage: str = "", origin: JobState | None = None) -> Take:
        return Take(self._queues, self._lease_ms, job_id, stage, origin)

    def goes_on(self) -> bool:
        return not self._stop and time.monotonic() < self._until

    def took(self, claimed: Claimed | None) -> None:
        """What a move brought with it."""
        self._taken = claimed
        self.drained = claimed is None

    def next(self) -> Claimed | None:
        """The next job of the lines, None when nobody is in line, or the spell is over."""
        if self._taken is None and not self.drained and self.goes_on():
            found = self._store.take(self.wanted())
            self.took(None if isinstance(found, Refusal) else found)
        claimed, self._taken = self._taken, None
        return claimed
