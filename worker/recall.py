"""Jobs that this process gave back because their account was busy: they are called as soon as there is room for them.

The tick brings every job back at its own time, but comes every few seconds only: what is free between two ticks would
be lost. So each process calls the jobs that it sent away itself. It keeps no more than their ids and turns: when it
dies, the tick does what it would have done.

At a slow pace the line of those that wait for a worker is soon empty, and all of them are here: so batches take turns
here too, with the weights of the line.
"""

from __future__ import annotations

import heapq
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
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
WEIGHTS = {"high": 8.0, "normal": 1.0, "low": 1 / 8}  #: as in common/lua/parts/line.lua


@dataclass(frozen=True, slots=True)
class Away:
    """The pace of one job ('': refused by the platform), when it may come at the soonest, and its turn: a rank, of
    equal ones the first that was sent away."""

    pace: str
    at: float
    turn: tuple[float, int]


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
        self._away: dict[str, Away] = {}
        self._last: dict[tuple[str, str, str], float] = {}  #: pace, priority, batch -> rank of its last job
        self._called: dict[str, float] = {}  #: pace -> the highest rank that was called
        self._number = count()
        self._thread: threading.Thread | None = None

    def sent_away(self, job: Job, busy: Busy) -> None:
        """A job that was given back."""
        wait_s = busy.after_s or 0.0
        if busy.pace:
            wait_s = 0.0  # its time was guessed at the rate of that moment: room may come sooner
        elif wait_s > LATEST_S:
            return
        with self._lock:
            known = self._away.get(job.id)
            turn = known.turn if known and known.pace == busy.pace else (self._rank(job, busy.pace), next(self._number))
            self._away[job.id] = Away(busy.pace, time.monotonic() + wait_s, turn)
            if self._thread is None or not self._thread.is_alive():  # a fault of ours may have ended it
                self._thread = threading.Thread(target=self._work, name="recall", daemon=True)
                self._thread.start()

    def _rank(self, job: Job, pace: str) -> float:
        """1 / weight behind the last of its priority and batch, and not before one that was called."""
        flow = (pace, job.priority, job.batch)
        rank = max(self._called.get(pace, 0.0), self._last.get(flow, 0.0)) + 1 / WEIGHTS.get(job.priority, 1.0)
        self._last[flow] = rank
        return rank

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
                self._last.clear()
                self._called.clear()
            return bool(self._away)

    def look(self) -> None:
        """Call those that there is room for, whose turn it is."""
        by_pace: dict[str, list[tuple[tuple[float, int], str]]] = defaultdict(list)
        with self._lock:
            now = time.monotonic()
            for job_id, away in self._away.items():
                if away.at <= now:
                    by_pace[away.pace].append((away.turn, job_id))
        for pace, waiting in by_pace.items():
            called = heapq.nsmallest(self._places(pace), waiting)
            with self._lock:
                for (rank, _), job_id in called:
                    del self._away[job_id]
                    self._called[pace] = max(rank, self._called.get(pace, 0.0))
            self._call([job_id for _, job_id in called])

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
