"""What people and programs may do to jobs, whichever way they come: CLI, Python, message."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from common.changes import Changed, Changes
from common.collector import resting_collector
from common.creation import Stored
from common.drafts import NewJob
from common.durations import seconds
from common.errors import Conflict, InvalidSpec, NotFound, Unreachable
from common.job import MAX_ATTEMPTS, Job, Pointer
from common.names import batch_name, deployment_name, idempotency_key, own_batch_name
from common.pipeline import Step, rest
from common.states import JobState
from common.store import Store

if TYPE_CHECKING:
    from common.spec import JobSpec
    from common.spec_dump import SpecDumper

SENT_AT_ONCE = 64  #: jobs of one submit whose chains are sent right away: so many workers wake, and take the others


class Nudger(Protocol):
    """Sends chains of stages; see common.broker.Sender."""

    def send_many(self, nudges: Sequence[tuple[str, Sequence[Step]]]) -> None: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """A spec to submit, and its data set's bytes in the artifact store, where the producer put them."""

    spec: JobSpec
    data: Pointer | None = None

    @property
    def data_sha256(self) -> str | None:
        return self.data.sha256 if self.data else None


class Commands:
    """submit, register_deployment, cancel, retry. A lost nudge costs one tick, so no broker is no failure of a command
    that was stored: `nudge_lost` tells of it."""

    def __init__(self, store: Store, nudger: Nudger) -> None:
        self._store = store
        self._nudger = nudger
        self.nudge_lost: Unreachable | None = None

    @resting_collector()
    def submit(self, wanted: Sequence[Wanted], key: str | None = None, batch: str | None = None) -> list[Stored]:
        """Store the jobs, all or none, and start them: they are a batch, of a name of its own unless `batch` names it.

        Under a key the same specs, in the same order, make their jobs once, for as long as these are kept. Raises
        Conflict when the key's jobs have other content, InvalidSpec for a key or a batch name that is none.
        """
        keys, batch = _keys(wanted, key), checked_batch(wanted, key, batch)
        jobs = _new_jobs(wanted, keys, batch)
        if key is not None:
            jobs = iter(self._check_owners(key, list(jobs)))
        first = self._store.create(islice(jobs, SENT_AT_ONCE))
        self._nudge([(one.job_id, rest(JobState.ACCEPTED)) for one in first if one.created])
        return first + self._others(jobs, len(wanted))

    def _check_owners(self, key: str, jobs: Sequence[NewJob]) -> Sequence[NewJob]:
        """These jobs, before any is stored: a key that made other ones must not make some of these."""
        keys = [job.key for job in jobs]
        other_form = f"{key}/1" if keys == [key] else key
        owners = self._store.owners([*keys, other_form])
        digests = [job.digest for job in jobs] + [""]
        for its_key, owner, digest in zip([*keys, other_form], owners, digests, strict=True):
            if owner is not None and owner[1] != digest:
                raise Conflict(
                    f"the key {its_key!r} belongs to job {owner[0]}, which has another spec or other data",
                    hint="use another key, or submit what was submitted before",
                )
        return jobs

    def _others(self, jobs: Iterator[NewJob], number: int) -> list[Stored]:
        try:
            return self._store.create(jobs)
        except Unreachable as exc:
            raise Unreachable(
                f"{exc.message}; of the {number} jobs the first {SENT_AT_ONCE} are stored, or more",
                hint="hintrelay ls shows which; with --key the same submit can be given again and adds what is missing",
            ) from exc

    def register_deployment(self, job: str, name: str) -> Job:
        """The job's model answers under `name`. Early, late and twice are fine. `job` is an id or its beginning.

        Raises NotFound, InvalidSpec for a name that is none, Conflict when the hints are made under another name.
        """
        try:
            deployment_name(name)
        except ValueError as exc:
            raise InvalidSpec(f"NAME: {exc}", code="invalid_name") from exc
        job_id = self._store.resolve(job)
        word, *more = self._store.register(job_id, name)
        if word == "gone":
            raise NotFound(f"there is no job {job}")
        if word == "finished":
            raise Conflict(f"job {job_id} is {more[0]}: it needs no deployment name any more")
        if word == "used":
            raise Conflict(f"job {job_id} generates under the name {more[0]} already")
        found = self._store.get(job_id)
        if found.state is JobState.TRAINED and not found.lease_until:  # it need not wait for the tick
            self._store.enter([found], self._store.nudge_ms)
            self._nudge([(job_id, rest(found.state))])
        return found

    def cancel(self, job: str) -> Job:
        """Wish a job cancelled, its run on the platform too. Raises NotFound, Conflict for a job that has ended."""
        return _only(self.cancel_all([self._store.resolve(job)]))

    def retry(self, job: str) -> Job:
        """Take a failed job up again from the stage that failed, with new attempts and a new deadline.

        Raises NotFound, Conflict for a job that has not failed.
        """
        return _only(self.retry_all([self._store.resolve(job)]))

    def cancel_all(self, ids: Sequence[str]) -> list[Changed]:
        """As `cancel`, for whole ids: each job, in their order, or the error that `cancel` raises."""
        return Changes(self._store, self._nudge).cancel(ids)

    def retry_all(self, ids: Sequence[str]) -> list[Changed]:
        """As `retry`, for whole ids."""
        return Changes(self._store, self._nudge).retry(ids)

    def _nudge(self, nudges: Sequence[tuple[str, Sequence[Step]]]) -> None:
        try:
            self._nudger.send_many([(job_id, steps) for job_id, steps in nudges if steps])
        except Unreachable as exc:
            self.nudge_lost = exc


def _only(answers: Sequence[Changed]) -> Job:
    (answer,) = answers
    if isinstance(answer, Job):
        return answer
    raise answer


def _new_jobs(wanted: Sequence[Wanted], keys: Sequence[str], batch: str) -> Iterator[NewJob]:
    """One by one, as they are asked for: while Redis stores some, others are made."""
    from common.spec_dump import SpecDumper

    dumper = SpecDumper()
    return (_new_job(one, key, batch, dumper) for one, key in zip(wanted, keys, strict=True))


def _new_job(wanted: Wanted, key: str, batch: str, dumper: SpecDumper) -> NewJob:
    spec = wanted.spec
    return NewJob(
        digest=dumper.digest(spec, wanted.data_sha256),
        deadline_ms=int(seconds(spec.limits.deadline) * 1000),
        record={
            "name": spec.name,
            "spec": dumper.dump(spec),
            "max_attempts": None if spec.limits.max_attempts == MAX_ATTEMPTS else spec.limits.max_attempts,
            "data": wanted.data.dump() if wanted.data else None,
            **({} if spec.deploy.mode == "manual" else {"mode": spec.deploy.mode}),
        },
        key=key,
        batch=batch,
        priority=spec.priority,
    )


def checked_batch(wanted: Sequence[Wanted], key: str | None, batch: str | None) -> str:
    if batch is None:
        return own_batch_name([one.spec.name for one in wanted], key) if wanted else ""
    try:
        return batch_name(batch)
    except ValueError as exc:
        raise InvalidSpec(f"--batch: {exc}", code="invalid_batch") from exc


def _keys(wanted: Sequence[Wanted], key: str | None) -> list[str]:
    if key is None:
        return [""] * len(wanted)
    try:
        idempotency_key(key)
    except ValueError as exc:
        raise InvalidSpec(f"--key: {exc}", code="invalid_key") from exc
    if len(wanted) == 1:
        return [key]
    return [f"{key}/{number}" for number in range(1, len(wanted) + 1)]
