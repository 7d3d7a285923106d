"""The tick: one look at everything that waits. Its cost grows with what changed, not with how many jobs wait."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from typing import Protocol

import structlog

from common.errors import HintrelayError, Unreachable
from common.job import Job
from common.keys import QUEUE_HINTS, QUEUE_PLATFORM
from common.pipeline import CANCEL, STAGES, Step, rest
from common.states import JobState
from common.store import Store
from worker.ports import Platform
from worker.watch_runs import RunWatch

log = structlog.get_logger(__name__)

TAKEN = 500  #: due jobs in one script call
MOST_BATCHES = 20  #: due jobs of one tick: 10,000; the next tick takes the rest
FAR_LOOK_MS = 3_600_000  #: jobs that wait for a person: whoever registers a name makes them due


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
    ) -> None:
        self._store = store
        self._nudges = nudges
        self._runs = RunWatch(store, platform)
        self._period_s = period_s
        self._look_ms = int(look_s * 1000)
        self._max_backlog = max_backlog
        self._max_running = max_running
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
            for _ in range(MOST_BATCHES):
                now, ids = self._store.take_due(TAKEN, self._store.nudge_ms)
                self._look(self._store.many(ids), now, answered)
                if len(ids) < TAKEN:
                    break
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
            elif job.state in STAGES:
                nudges.append((job.id, rest(job.state)))
            elif job.state is JobState.TRAINING:
                later += self._training(job, now, answered)
            else:
                nudges += self._deployed(job)
                later += [] if job.deployment else [(job, now + FAR_LOOK_MS)]
        self._store.postpone(later)
        self._send(nudges)

    def _training(self, job: Job, now: int, answered: bool) -> list[tuple[Job, int]]:
        """Changes came with the list; now and then each job is looked at for itself."""
        if not answered:  # the next tick asks again
            return [(job, now + int(self._period_s * 1000))]
        if self._runs.look(job, now):
            return []
        spread = random.uniform(0.9, 1.1)  # noqa: S311  # spreads looks over ticks
        return [(job, now + int(self._look_ms * spread))]

    def _deployed(self, job: Job) -> list[tuple[str, Sequence[Step]]]:
        """A trained job whose name is registered: generation is triggered."""
        if not job.deployment:
            return []
        data = {"name": job.deployment}
        if not self._store.move(job.id, JobState.TRAINED, JobState.DEPLOYED, look_ms=self._store.nudge_ms, data=data):
            return []
        log.info("generation_triggered", job=job.id, deployment=job.deployment)
        return [(job.id, rest(JobState.DEPLOYED))]

    def _send(self, nudges: Sequence[tuple[str, Sequence[Step]]]) -> None:
        """As many as their queues have room for: what is held back stays in `due`."""
        if not nudges:
            return
        try:
            waiting = self._nudges.backlog([QUEUE_PLATFORM, QUEUE_HINTS])
            sent = []
            for job_id, steps in nudges:
                queue = steps[0].queue
                if waiting[queue] < self._max_backlog:
                    waiting[queue] += 1
                    sent.append((job_id, steps))
            self._nudges.send_many(sent)
        except Unreachable as exc:
            log.warning("nudges_not_sent", count=len(nudges), reason=exc.message)
        else:
            log.info("nudges_sent", count=len(sent), held_back=len(nudges) - len(sent))


def tick_quietly(tick: Tick) -> None:
    """A tick whose faults are logged: the next one comes anyway."""
    try:
        tick.run()
    except HintrelayError as exc:
        log.warning("tick_failed", reason=exc.message)
