"""The tick: one look at everything that waits. Its cost grows with what changed, not with how many jobs wait."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Iterator, Sequence
from typing import Protocol

import structlog

from common.errors import HintrelayError, Unreachable
from common.job import Job
from common.pipeline import CANCEL, QUEUES, STAGES, Step, rest
from common.states import JobState
from common.store import Store
from worker.archivist import Archivist
from worker.endpoints.keeper import Keeper
from worker.patience import Patience
from worker.ports import Platform
from worker.treasury import Treasury
from worker.watch_runs import RunWatch

log = structlog.get_logger(__name__)

TAKEN = 500  #: due jobs in one script call
MOST_BATCHES = 20  #: due jobs of one tick: 10,000; the next tick takes the rest
SELDOM = 10  #: times the usual pause: a job whose run the list shows is looked at for itself so seldom
FAR_LOOK_MS = 3_600_000  #: jobs that wait for a person: whoever registers a name makes them due
STANDING = ("id", "v", "state")


class Nudges(Protocol):
    """Sends chains, and tells how many messages wait."""

    def send_many(self, nudges: Sequence[tuple[str, Sequence[Step]]]) -> None: ...
    def backlog(self, queues: Sequence[str]) -> dict[str, int]: ...


class Tick:
    """One a process; a second call while one works does nothing, here or on any other machine."""

    def __init__(
        self,
        store: Store,
        platform: Platform,
        nudges: Nudges,
        *,
        period_s: float,
        look_s: float,
        max_backlog: int,
        max_running: int | None = None,
        keeper: Keeper | None = None,
        poll_max_s: float = 0.0,
        keep_ms: int | None = None,
    ) -> None:
        self._store = store
        self._nudges = nudges
        self._runs = RunWatch(store, platform, Patience(poll_max_s), period_s)
        self._treasury = Treasury(store)
        self._archivist = Archivist(store, keep_ms)
        self._period_s = period_s
        self._look_ms = int(look_s * 1000)
        self._max_backlog = max_backlog
        self._max_running = max_running
        self._keeper = keeper
        self._busy = threading.Lock()

    def run(self) -> bool:
        """Whether this one worked: it did not when another one has the slot. Raises Unreachable without Redis."""
        if not self._busy.acquire(blocking=False):
            return False
        try:
            if not self._store.take_tick(self._period_s):
                return False
            answered = self._runs.poll()
            self._hand_on()
            self._treasury.work()
            self._archivist.work()
            for _ in range(MOST_BATCHES):
                now, due, ids = self._store.take_due(TAKEN, self._store.nudge_ms)
                self._look(self._store.many(ids), now, answered)
                if due < TAKEN:
                    break
            self._feed()
            if self._keeper is not None:
                self._keeper.run()
            return True
        finally:
            self._busy.release()

    def _hand_on(self) -> None:
        """After the runs were looked at, so that those that ended make room at once."""
        handed = self._store.hand_on(self._max_running)
        if handed:
            log.info("slots_handed_on", count=len(handed))

    def _look(self, jobs: Sequence[Job], now: int, answered: bool) -> None:
        later: list[tuple[Job, int]] = []
        ready: list[Job] = []
        nudges: list[tuple[str, Sequence[Step]]] = []
        for job in jobs:
            if job.finished:
                continue
            if job.leased(now):
                later.append((job, job.lease_until))
            elif job.wish or now >= job.deadline:
                nudges.append((job.id, [CANCEL]))
            elif job.not_before > now:
                later.append((job, job.not_before))
            elif job.state is JobState.TRAINING:
                later += self._training(job, now, answered)
            elif job.state is JobState.TRAINED and not (job.deployment or job.facts.get("mode")):
                later.append((job, now + FAR_LOOK_MS))
            else:
                ready.append(job)
        self._store.postpone(later)
        self._store.enter(ready, self._store.nudge_ms)
        self._send(nudges)

    def _training(self, job: Job, now: int, answered: bool) -> list[tuple[Job, int]]:
        """Changes came with the list; now and then each job is looked at for itself."""
        if not answered:  # the next tick asks again
            return [(job, now + int(self._period_s * 1000))]
        if self._runs.look(job, now):
            return []
        seldom = SELDOM if self._runs.lists(job) else 1
        spread = random.uniform(0.9, 1.1)  # noqa: S311  # spreads looks over ticks
        return [(job, now + int(self._look_ms * seldom * spread))]

    def _feed(self) -> None:
        """Wake workers of each queue in which more jobs stand in line than messages wait: a lost one costs a tick."""
        lines = self._store.waiting(self._max_backlog)
        if any(lines.values()):
            with self._broker_may_be_away():
                backlog = self._nudges.backlog(QUEUES)
                heads = [i for queue, line in lines.items() for i in line[: max(0, len(line) - backlog[queue])]]
                jobs = [job for job in self._store.many(heads, STANDING) if job.state in STAGES]
                self._nudges.send_many([(job.id, rest(job.state)) for job in jobs])
                if jobs:
                    log.info("nudges_sent", count=len(jobs))

    def _send(self, nudges: Sequence[tuple[str, Sequence[Step]]]) -> None:
        """As many as their queue has room for: what is held back stays in `due`."""
        if nudges:
            with self._broker_may_be_away():
                room = max(0, self._max_backlog - self._nudges.backlog([CANCEL.queue])[CANCEL.queue])
                self._nudges.send_many(nudges[:room])
                log.info("nudges_sent", count=len(nudges[:room]), held_back=len(nudges[room:]))

    @contextlib.contextmanager
    def _broker_may_be_away(self) -> Iterator[None]:
        try:
            yield
        except Unreachable as exc:
            log.warning("nudges_not_sent", reason=exc.message)


def tick_quietly(tick: Tick) -> None:
    """A tick whose faults are logged: the next one comes anyway."""
    try:
        tick.run()
    except HintrelayError as exc:
        log.warning("tick_failed", reason=exc.message)
