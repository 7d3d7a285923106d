"""The job store: one Python method for each script. The record is the truth."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.connection import Client, reaching
from common.drafts import Drafts, NewJob
from common.errors import Conflict
from common.job import Job, Lease, encode
from common.keys import Keys
from common.printable import storable
from common.records import Clock
from common.slots import Slots
from common.states import JobState, event_of

BATCH = 200  #: script calls in one round trip
SILENT_MS = 60_000  #: a worker process that gave no sign of life for so long is gone
ALONE_MS = 60_000  #: an upload of a training file takes seconds; a crashed one is taken over after this
FIRST_LOOK_MS = 10_000  #: a new job whose chain was sent is looked at by the tick only then


@dataclass(frozen=True, slots=True)
class Stored:
    """The job that `create` made, or found under the key."""

    job_id: str
    created: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a claim was refused: gone, finished, held, elsewhere (another state), early (backoff)."""

    why: str
    detail: str = ""


class Store(Slots):
    """Jobs in Redis. `url` only names it in errors; `actor` stands in the events."""

    def __init__(
        self,
        client: Client,
        *,
        url: str = "",
        actor: str = "",
        events_kept: int = 1_000_000,
        nudge_ms: int = FIRST_LOOK_MS,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(client, url=url, clock=clock)
        self.nudge_ms = nudge_ms  #: a message that was sent and led to nothing for so long counts as lost
        self.actor = actor
        self._kept = str(events_kept)

    def create(self, jobs: Sequence[NewJob], *, first_look_ms: int | None = None) -> list[Stored]:
        """Store jobs, in batches of one round trip, each whole or not at all. Raises Conflict when a key already has a
        job of other content."""
        stored: list[Stored] = []
        drafts = Drafts()
        look_ms = self.nudge_ms if first_look_ms is None else first_look_ms
        for start in range(0, len(jobs), BATCH):
            batch = jobs[start : start + BATCH]
            for job, (word, job_id) in zip(batch, self._create(drafts, batch, look_ms), strict=True):
                while word == "taken":  # two jobs drew the same 8 hex digits
                    ((word, job_id),) = self._create(drafts, [job], look_ms)
                if word == "conflict":
                    raise Conflict(
                        f"the key {job.key!r} belongs to job {job_id}, which has another spec or other data",
                        hint="use another key, or submit what was submitted before",
                    )
                stored.append(Stored(job_id, word == "created"))
        return stored

    def _create(self, drafts: Drafts, jobs: Sequence[NewJob], look_ms: int) -> list[tuple[str, str]]:
        """One round trip: a script call for each run of jobs that share a batch and a base spec, all or none."""
        groups = drafts.groups(jobs)
        head = [self._now(), look_ms, self._kept, self.actor]
        answers = self._run(
            lambda pipe: [
                self._scripts.create(client=pipe, keys=group.keys, args=[*head, *group.shared, *group.args])
                for group in groups
            ],
            whole=True,
        )
        return [(word, job_id) for of_group in answers for word, job_id in of_group]

    def claim(self, job_id: str, stage: str, origin: JobState | None, lease_ms: int) -> tuple[Lease, Job] | Refusal:
        """A lease on a job in state `origin` (None: any unfinished one), or why there is none."""
        token = secrets.token_hex(8)
        args = [self._now(), job_id, token, self.actor, lease_ms, stage, origin or ""]
        with reaching(self.url):
            word, *more = self._scripts.claim(keys=[Keys.job(job_id), Keys.due], args=args)
        if word != "claimed":
            return Refusal(word, more[0] if more else "")
        flat = more[0]
        return Lease(job_id, token), self._whole([dict(zip(flat[::2], flat[1::2], strict=True))])[0]

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

    def move(
        self,
        job_id: str,
        origin: JobState,
        target: JobState,
        facts: Mapping[str, Any] | None = None,
        *,
        lease: Lease | None = None,
        keep_ms: int | None = None,
        look_ms: int = 0,
        extend: bool = False,
        data: Mapping[str, Any] | None = None,
        pipe: Any = None,
    ) -> bool:
        """Move a job; False when the lease or the state is somebody else's by now.

        Without `lease` it is done in one breath, refused while any lease lives. `keep_ms` keeps the lease for so
        long, else the job is looked at again in `look_ms`. `pipe` collects the call instead of making it.
        """
        from common.states import FINISHED

        args = [self._now(), job_id, lease.token if lease else "", origin, target]
        args += ["" if target in FINISHED else look_ms, "" if keep_ms is None else keep_ms, self._kept]
        args += [event_of(origin, target), self.actor, _json(data), "extend" if extend else ""]
        keys = [Keys.job(job_id), Keys.due, Keys.state(origin), Keys.state(target), Keys.events, Keys.runs]
        return self._call(self._scripts.move, keys, args + encode(facts or {}), pipe)

    def defer(
        self,
        lease: Lease,
        how: str,
        delay_ms: int,
        sentence: str = "",
        facts: Mapping[str, Any] | None = None,
        *,
        event: str = "",
        data: Mapping[str, Any] | None = None,
    ) -> bool:
        """Give a job back: `how` is snooze, retry (spends an attempt) or release. False when the lease was lost."""
        args = [
            self._now(),
            lease.job_id,
            lease.token,
            how,
            delay_ms,
            storable(sentence),
            self._kept,
            event,
            self.actor,
        ]
        keys = [Keys.job(lease.job_id), Keys.due, Keys.events]
        return self._call(self._scripts.defer, keys, [*args, _json(data), *encode(facts or {})])

    def note(
        self,
        job_id: str,
        facts: Mapping[str, Any],
        *,
        lease: Lease | None = None,
        run_id: str = "",
        pieces: Mapping[str, str] | None = None,
        event: str = "",
        data: Mapping[str, Any] | None = None,
        pipe: Any = None,
    ) -> bool:
        """Write facts, and pieces of work, while the job stays where it is. False when the lease was lost.

        Without a lease it is an observation of the platform's run `run_id`, taken only while the job trains by it.
        """
        args = [self._now(), job_id, lease.token if lease else "", run_id, self._kept, event, self.actor, _json(data)]
        args += [len(facts), *encode(facts)]
        for name, text in (pieces or {}).items():
            args += [name, text]
        return self._call(
            self._scripts.note, [Keys.job(job_id), Keys.events, Keys.runs, Keys.pieces(job_id)], args, pipe
        )

    def register(self, job_id: str, name: str) -> list[str]:
        """Put a deployment name into the job's mailbox; the script's header gives the answers."""
        args = [self._now(), job_id, name, self._kept, self.actor, _json({"name": name})]
        with reaching(self.url):
            answer: list[str] = self._scripts.register(keys=[Keys.job(job_id), Keys.due, Keys.events], args=args)
        return answer

    def wish(self, job_id: str) -> list[str]:
        """Wish a job cancelled; the script's header gives the answers."""
        args = [self._now(), job_id, self._kept, self.actor]
        with reaching(self.url):
            answer: list[str] = self._scripts.wish(keys=[Keys.job(job_id), Keys.due, Keys.events], args=args)
        return answer

    def tell(self, job_id: str, event: str, data: Mapping[str, Any]) -> None:
        """Add to a job's history what is no move of it."""
        entry = {"job": job_id, "type": event, "from": "", "to": "", "actor": self.actor}
        entry |= {"at": str(self.now_ms()), "data": _json(data)}
        with reaching(self.url):
            self.client.xadd(Keys.events, entry, maxlen=int(self._kept), approximate=True)

    def take_due(self, limit: int, push_back_ms: int) -> tuple[int, list[str]]:
        """(Redis's clock in ms, ids of the jobs that are due), each pushed back by `push_back_ms`."""
        with reaching(self.url):
            now, *ids = self._scripts.take_due(keys=[Keys.due], args=[self._now(), limit, push_back_ms])
        return int(float(now)), ids

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

    def take_tick(self, period_s: float) -> bool:
        """Whether this tick is the one that works in its slot."""
        with reaching(self.url):
            return bool(self.client.set(Keys.tick, self.actor, nx=True, px=max(1, int(period_s * 900))))

    def sign_of_life(self, workers: Sequence[str]) -> None:
        """These worker processes live; those that were silent for long are forgotten."""
        now = int(time.time() * 1000)
        self._run(
            lambda pipe: (
                pipe.zadd(Keys.workers, dict.fromkeys(workers, now)),
                pipe.zremrangebyscore(Keys.workers, "-inf", now - SILENT_MS),
            )
        )

    def remember_file(self, name: str, file_id: str) -> None:
        with reaching(self.url):
            self.client.hset(Keys.files, name, file_id)

    def forget_file(self, name: str) -> None:
        with reaching(self.url):
            self.client.hdel(Keys.files, name)

    def alone(self, name: str, job_id: str) -> bool:
        """Whether this job is the one that may do `name` for the next minute; asked again, for another one."""
        with reaching(self.url):
            holder = self.client.set(Keys.alone(name), job_id, nx=True, px=ALONE_MS, get=True)
            if holder == job_id:
                self.client.pexpire(Keys.alone(name), ALONE_MS)
        return holder is None or holder == job_id

    def drop_pieces(self, job_id: str) -> None:
        with reaching(self.url):
            self.client.delete(Keys.pieces(job_id))

    def _call(self, script: Any, keys: list[str], args: list[Any], pipe: Any = None) -> bool:
        if pipe is not None:
            script(client=pipe, keys=keys, args=args)
            return True
        with reaching(self.url):
            return bool(script(keys=keys, args=args))


def _json(data: Mapping[str, Any] | None) -> str:
    return json.dumps(data or {}, sort_keys=True, default=str, separators=(",", ":"))
