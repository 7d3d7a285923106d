"""The job store: one Python method for each script. The record is the truth."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from common.claims import Claimed, Refusal, Take
from common.connection import reaching
from common.creation import Creation
from common.flight import Flight
from common.job import Job, Lease, encode
from common.keys import Keys
from common.pipeline import queue_of
from common.printable import storable
from common.states import FINISHED, JobState, event_of

SILENT_MS = 60_000  #: a worker process that gave no sign of life for so long is gone
ALONE_MS = 60_000  #: an upload of a training file takes seconds; a crashed one is taken over after this
#: states whose work is whole: the pieces that it was made of are dropped with the move
PIECES_END = frozenset({JobState.GENERATED, JobState.SUCCEEDED})


class Moved(NamedTuple):
    """What a move tells: Redis's clock in ms, what somebody wishes of the job, and how many stand in line."""

    now: int
    wish: str
    waiting: int


class Store(Creation):
    """Jobs in Redis. `url` only names it in errors; `actor` stands in the events."""

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
        call = self._move_call(job_id, origin, target, facts, lease, keep_ms, look_ms, extend, data)
        return self._call(self._scripts.move, *call, pipe)

    def flight(self) -> Flight:
        """For `send_move` and `send_take`, whose answers `land` reads."""
        return Flight(self.client)

    def send_move(
        self,
        flight: Flight,
        lease: Lease,
        job: Job,
        target: JobState,
        facts: Mapping[str, Any],
        *,
        keep_ms: int | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Move a job that is held; nobody waits for the answer yet."""
        call = self._move_call(job.id, job.state, target, facts, lease, keep_ms, self.nudge_ms, False, data)
        with reaching(self.url):
            flight.send(self._scripts.move, *call)

    def send_take(self, flight: Flight, wanted: Take) -> None:
        """Claim those who are next in line; the last call of a flight."""
        with reaching(self.url):
            flight.send(self._scripts.take, *self._take_call(wanted))

    def land(self, flight: Flight, *, took: bool) -> tuple[list[Moved | None], list[Claimed]]:
        """What became of each move (None: the lease was lost), and who was taken."""
        with reaching(self.url):
            answers = flight.land()
        taken = answers.pop() if took else []
        moves = [Moved(int(float(answer[0])), answer[1], int(answer[2])) if answer else None for answer in answers]
        claimed = [self._claimed(answer) for answer in taken]
        return moves, [one for one in claimed if not isinstance(one, Refusal)]

    def _move_call(
        self,
        job_id: str,
        origin: JobState,
        target: JobState,
        facts: Mapping[str, Any] | None,
        lease: Lease | None,
        keep_ms: int | None,
        look_ms: int,
        extend: bool,
        data: Mapping[str, Any] | None,
    ) -> tuple[list[str], list[Any]]:
        left, entered = queue_of(origin), queue_of(target)
        args = [self._now(), job_id, lease.token if lease else "", origin, target]
        args += ["" if target in FINISHED else look_ms, "" if keep_ms is None else keep_ms, self._kept]
        args += [event_of(origin, target), self.actor, _json(data), "extend" if extend else "", entered and "enter"]
        keys = [Keys.job(job_id), Keys.due, Keys.state(origin), Keys.state(target), Keys.events, Keys.runs]
        keys += [Keys.line(left), Keys.line(entered), Keys.turns(entered), Keys.unsettled]
        if target in PIECES_END:
            keys.append(Keys.pieces(job_id))
        return keys, args + encode(facts or {})

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

    def wish(self, job_id: str, pipe: Any = None) -> list[str]:
        """Wish a job cancelled; the script's header gives the answers. `pipe` collects the call."""
        args = [self._now(), job_id, self._kept, self.actor]
        with reaching(self.url):
            answer: list[str] = self._scripts.wish(
                client=pipe, keys=[Keys.job(job_id), Keys.due, Keys.events], args=args
            )
        return answer

    def tell(self, job_id: str, event: str, data: Mapping[str, Any]) -> None:
        """Add to a job's history what is no move of it."""
        entry = {"job": job_id, "type": event, "from": "", "to": "", "actor": self.actor}
        entry |= {"at": str(self.now_ms()), "data": _json(data)}
        with reaching(self.url):
            self.client.xadd(Keys.events, entry, maxlen=int(self._kept), approximate=True)

    def wake(self, job_id: str) -> bool:
        """What an unfinished job waits for has happened: it is looked at now."""
        return self._call(self._scripts.wake, [Keys.job(job_id), Keys.due], [self._now(), job_id])

    def take_tick(self, period_s: float) -> bool:
        """Whether this tick is the one that works in its period."""
        return self._call(self._scripts.take_tick, [Keys.tick], [self.actor, max(1, int(period_s * 1000))])

    def sign_of_life(self, workers: Sequence[str]) -> None:
        """These worker processes live; those that were silent for long are forgotten."""
        now = self.now_ms()
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

    def not_alone(self, name: str, job_id: str) -> None:
        """This job does not do `name` any more. Between the look and the end of it no other one can have begun, unless
        a minute is over just then; then two are at it for once, which costs time alone."""
        with reaching(self.url):
            if self.client.get(Keys.alone(name)) == job_id:
                self.client.delete(Keys.alone(name))

    def _call(self, script: Any, keys: list[str], args: list[Any], pipe: Any = None) -> bool:
        if pipe is not None:
            script(client=pipe, keys=keys, args=args)
            return True
        with reaching(self.url):
            return bool(script(keys=keys, args=args))


def _json(data: Mapping[str, Any] | None) -> str:
    return json.dumps(data or {}, sort_keys=True, default=str, separators=(",", ":"))
