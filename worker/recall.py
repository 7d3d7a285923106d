"""Jobs that this process gave back because their account was busy: they are called as soon as there is room for them.

The tick brings every job back at its own time, but comes every few seconds only: what is free between two ticks would
be lost. So each process calls the jobs that it sent away itself. It keeps no more than their ids: when it dies, the
tick does what it would have done.
"""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from common.errors import Busy, HintrelayError
from common.job import Job
from common.pipeline import STAGES, Step, rest
from common.store import Store

log = structlog.get_logger(__name__)

LOOK_S = 0.25  #: between two looks at who can come back
AHEAD_S = 1.0  #: so much of the pace's places may be taken ahead: less than a worker waits for one
MOST = 100  #: jobs in one look, where there is room for any number
LATEST_S = 60.0  #: who waits for longer is left to the tick: some seconds more are nothing then


class Waker(Protocol):
    """Wakes a worker; see common.sender.Sender."""

    def wake(self, job_id: str, steps: Sequence[Step], standing: int) -> None: ...


class Recall:
    """Starts its thread with the first job that is sent away, so after any fork; it ends with the last one."""

    def __init__(self, store: Store, waker: Waker, room: Callable[[str, float], int | None]) -> None:
        self._store = store
        self._waker = waker
        self._room = room  #: see worker.pacing.Paces
        self._lock = threading.Lock()
        self._away: dict[str, tuple[str, float]] = {}  #: job id -> its pace ('': refused), when to come at the soonest
        self._thread: threading.Thread | None = None

    def sent_away(self, job_id: str, busy: Busy) -> None:
        """A job that was given back."""
        wait_s = busy.after_s or 0.0
        if busy.pace:
            wait_s = 0.0  # its time was guessed at the rate of that moment: room may come sooner
        elif wait_s > LATEST_S:
            return
        with self._lock:
            self._away[job_id] = (busy.pace, time.monotonic() + wait_s)
            if self._thread is None or not self._thread.is_alive():  # a fault of ours may have ended it
                self._thread = threading.Thread(target=self._work, name="recall", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while self._goes_on():
            time.sleep(LOOK_S)
            try:
                self.look()
            except HintrelayError as exc:  # the tick brings them
                log.warning("jobs_not_recalled", reason=exc.message)

    def _goes_on(self) -> bool:
        with self._lock:
            if not self._away:
                self._thread = None
            return bool(self._away)

    def look(self) -> None:
        """Call those that there is room for, whoever was sent away first."""
        by_pace: dict[str, list[str]] = defaultdict(list)
        with self._lock:
            now = time.monotonic()
            for job_id, (pace, at) in self._away.items():
                if at <= now:
                    by_pace[pace].append(job_id)
        for pace, ids in by_pace.items():
            called = ids[: self._places(pace)]
            with self._lock:
                for job_id in called:
                    del self._away[job_id]
            self._call(called)

    def _places(self, pace: str) -> int:
        """A share of the room for each look: those that were called last are not at the pace yet."""
        room = self._room(pace, AHEAD_S) if pace else None
        return MOST if room is None else min(MOST, math.ceil(room * LOOK_S / AHEAD_S))

    def _call(self, ids: Sequence[str]) -> None:
        waiting = [job.id for job in self._store.many(ids) if _waits(job)]
        for job_id in waiting:
            self._store.wake(job_id)
        ready = [job for job in self._store.many(waiting) if _waits(job)]
        self._store.enter(ready, self._store.nudge_ms)
        for job in ready:
            self._waker.wake(job.id, rest(job.state), 1)


def _waits(job: Job) -> bool:
    """Nobody has it, and a stage goes on from where it is."""
    return job.state in STAGES and not job.lease_until and not job.wish
