"""Leases on jobs, the lines of those that wait for a worker, and the clock that brings forgotten ones back."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from common.connection import Client, reaching
from common.job import Job, Lease
from common.keys import Keys
from common.pipeline import QUEUES, STAGES, queue_of
from common.records import Clock, Counts
from common.slots import Slots
from common.states import JobState

Claimed = tuple[Lease, Job]
LINES = [Keys.line(queue) for queue in QUEUES]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a claim was refused: gone, finished, held, elsewhere (another state), early (backoff), empty (no line)."""

    why: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Take:
    """`count` of those who are next in the lines of `queues`, in that order; else the message's job, for its stage."""

    queues: Sequence[str]
    lease_ms: int
    job_id: str = ""
    stage: str = ""
    origin: JobState | None = None
    count: int = 1


class Due(NamedTuple):
    """Redis's clock in ms, how many were due (no more than asked for), and the ids of those to look at."""

    now: int
    number: int
    ids: list[str]


class Claims(Slots):
    """The right to work on jobs. `actor` stands in leases and events."""

    def __init__(self, client: Client, *, url: str = "", actor: str = "", clock: Clock | None = None) -> None:
        super().__init__(client, url=url, clock=clock)
        self.actor = actor

    def claim(self, job_id: str, stage: str, origin: JobState | None, lease_ms: int) -> Claimed | Refusal:
        """A lease on a job in state `origin` (None: any unfinished one), or why there is none."""
        args = [self._now(), job_id, secrets.token_hex(8), self.actor, lease_ms, stage, origin or ""]
        with reaching(self.url):
            return self._claimed(self._scripts.claim(keys=[Keys.job(job_id), Keys.due, *LINES], args=args))

    def take(self, wanted: Take) -> Claimed | Refusal:
        """A lease on the job that is next, or why there is none."""
        keys, args = self._take_call(wanted)
        with reaching(self.url):
            first, *_ = self._scripts.take(keys=keys, args=args)
            return self._claimed(first)

    def renew(self, leases: Sequence[Lease], lease_ms: int) -> list[int]:
        """For each lease: 0 lost, 1 renewed, 2 renewed and the job is to end."""
        return self._run(
            lambda pipe: [
                self._scripts.renew(
                    client=pipe,
                    keys=[Keys.job(lease.job_id), Keys.due],
                    args=[self._now(), lease.job_id, lease.token, lease_ms],
                )
                for lease in leases
            ]
        )

    def enter(self, jobs: Sequence[Job], look_ms: int) -> None:
        """Jobs that were read as waiting for a worker stand in line, unless something happened to them since."""
        if jobs:
            self._run(lambda pipe: self._enter_all(pipe, jobs, look_ms))

    def _enter_all(self, pipe: Any, jobs: Sequence[Job], look_ms: int) -> None:
        for job in jobs:
            queue = queue_of(job.state)
            keys = [Keys.job(job.id), Keys.due, Keys.line(queue), Keys.turns(queue)]
            self._scripts.enter(client=pipe, keys=keys, args=[self._now(), job.id, job.rev, job.state, look_ms])

    def waiting(self, most: int) -> dict[str, list[str]]:
        """By queue, the ids of those that stand in line, whoever is next first; `most` of them at most."""
        rows = self._run(lambda pipe: [pipe.zrange(line, 0, most - 1) for line in LINES])
        return dict(zip(QUEUES, rows, strict=True))

    def take_due(self, limit: int, push_back_ms: int) -> Due:
        """At most `limit` jobs that are due, each pushed back by `push_back_ms`; who stands in line needs no look."""
        args = [self._now(), limit, push_back_ms, Keys.job("")]
        with reaching(self.url):
            now, due, *ids = self._scripts.take_due(keys=[Keys.due, *LINES], args=args)
        return Due(int(float(now)), int(due), ids)

    def look_now(self, job_ids: Sequence[str]) -> None:
        """Somebody must look at these jobs at once."""
        if job_ids:
            now = self.now_ms()
            with reaching(self.url):
                self.client.zadd(Keys.due, dict.fromkeys(job_ids, now), xx=True)

    def rest(self, counts: Counts, seconds: float) -> None:
        """For so long no tick asks for the platform's list, unless a job begins or ends to train."""
        with reaching(self.url):
            self.client.set(Keys.rest, f"{counts.jobs} {counts.runs}", px=int(seconds * 1000))

    def postpone(self, looks: Sequence[tuple[Job, int]]) -> None:
        """(job, ms since 1970): no need to look sooner, unless something happened to the job since it was read."""
        if looks:
            self._run(
                lambda pipe: [
                    self._scripts.postpone(
                        client=pipe, keys=[Keys.job(job.id), Keys.due], args=[job.id, job.rev, int(at)]
                    )
                    for job, at in looks
                ]
            )

    def _take_call(self, wanted: Take) -> tuple[list[str], list[Any]]:
        keys = [Keys.due, Keys.taken(f"{self.actor}:{threading.get_native_id()}"), Keys.job(wanted.job_id)]
        args: list[Any] = [self._now(), secrets.token_hex(8), self.actor, wanted.lease_ms, wanted.count]
        args += [wanted.job_id, wanted.stage, wanted.origin or "", Keys.job("")]
        lines, stages = _lines(tuple(wanted.queues))
        return [*keys, *lines], [*args, *stages]

    def _claimed(self, answer: Sequence[Any]) -> Claimed | Refusal:
        word, *more = answer
        if word != "claimed":
            return Refusal(word, more[0] if more else "")
        flat, now = more
        record = {**dict(zip(flat[::2], flat[1::2], strict=True)), "now": now}
        return Lease(record["id"], record["lease"]), self._whole([record])[0]


@cache
def _lines(queues: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Keys of the lines and turns of `queues`, and state, stage of all that stands in them."""
    stages = [word for state, step in STAGES.items() if step.queue in queues for word in (str(state), step.name)]
    return [key for queue in queues for key in (Keys.line(queue), Keys.turns(queue))], stages
