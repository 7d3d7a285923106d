"""cancel and retry, of one job or of many: so many of them take the round trips of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

from common.errors import Conflict, HintrelayError, NotFound, UnknownVersion, Unreachable
from common.job import Job
from common.paging import pages
from common.pipeline import CANCEL, Step, rest
from common.states import JobState
from common.store import Store
from common.waiting import needs_a_person

AT_ONCE = 200  #: jobs in one round trip
WOKEN = 64  #: retried jobs of each queue that wake a worker: the others stand in line
#: the job as it is then; or why nothing became of it
Changed: TypeAlias = Job | HintrelayError
Nudges: TypeAlias = list[tuple[str, Sequence[Step]]]


class Changes:
    """What became of each job, in their order. `nudge` sends chains, and raises nothing."""

    def __init__(self, store: Store, nudge: Callable[[Nudges], None]) -> None:
        self._store = store
        self._nudge = nudge

    def cancel(self, ids: Sequence[str]) -> list[Changed]:
        """Wish them cancelled. NotFound, Conflict where one has ended otherwise, Unreachable."""
        return _paged(ids, self._cancel)

    def retry(self, ids: Sequence[str]) -> list[Changed]:
        """Take them up again from the stage that failed. NotFound, Conflict where one has not failed, Unreachable."""
        return _paged(ids, partial(self._retry, woken=Counter()))

    def _cancel(self, ids: Sequence[str]) -> list[Changed]:
        pipe = self._store.pipeline()
        for job_id in ids:
            self._store.wish(job_id, pipe)
        answers = dict(zip(ids, self._store.execute(pipe), strict=True))
        wished = [job_id for job_id, (word, *_) in answers.items() if word == "wished"]
        ended = self._end([(job_id, *answers[job_id][1:]) for job_id in wished])
        self._nudge([(job_id, [CANCEL]) for job_id in wished if job_id not in ended])
        found = self._read(ids)
        return [_refused(job_id, *answers[job_id]) or found.get(job_id) or _gone(job_id) for job_id in ids]

    def _end(self, wished: Sequence[tuple[str, str, str]]) -> set[str]:
        """Those of (id, state, paid) that nothing was begun for end here."""
        at_once = [(job_id, JobState(state)) for job_id, state, paid in wished if not paid and state in _BEFORE_PAYING]
        error = {"stage": CANCEL.name, "code": "cancelled", "message": "cancelled", "attempts": 0}
        pipe = self._store.pipeline()
        for job_id, state in at_once:
            self._store.move(job_id, state, JobState.CANCELLED, {"error": error}, data=error, pipe=pipe)
        done = self._store.execute(pipe)
        return {job_id for (job_id, _), moved in zip(at_once, done, strict=True) if moved}

    def _retry(self, ids: Sequence[str], woken: Counter[str]) -> list[Changed]:
        found = self._read(ids)
        jobs = [job for job in found.values() if isinstance(job, Job) and job.state is JobState.FAILED]
        pipe = self._store.pipeline()
        for job in jobs:
            resume, facts = _resumes(job)
            self._store.move(job.id, JobState.FAILED, resume, facts, extend=True, pipe=pipe)
        moved = self._store.execute(pipe)
        after = self._read([job.id for job in jobs])
        self._wake([after[job.id] for job, done in zip(jobs, moved, strict=True) if done and job.id in after], woken)
        return [after.get(job_id) or _not_failed(job_id, found.get(job_id)) for job_id in ids]

    def _wake(self, jobs: Sequence[Changed], woken: Counter[str]) -> None:
        nudges: Nudges = []
        for job in jobs:
            if isinstance(job, HintrelayError) or needs_a_person(job):
                continue
            steps = rest(job.state)
            if steps and woken[steps[0].queue] < WOKEN:
                woken[steps[0].queue] += 1
                nudges.append((job.id, steps))
        self._nudge(nudges)

    def _read(self, ids: Sequence[str]) -> dict[str, Changed]:
        """One that a newer hintrelay wrote hides no other."""
        try:
            return {job.id: job for job in self._store.whole(ids)}
        except UnknownVersion as exc:
            if len(ids) == 1:
                return {ids[0]: exc}
            half = len(ids) // 2
            return self._read(ids[:half]) | self._read(ids[half:])


def _paged(ids: Sequence[str], change: Callable[[Sequence[str]], list[Changed]]) -> list[Changed]:
    found: list[Changed] = []
    for page in pages(ids, AT_ONCE):
        try:
            found += change(page)
        except Unreachable as exc:
            found += [exc] * len(page)
    return found


def _refused(job_id: str, word: str, *more: Any) -> HintrelayError | None:
    """An answer of wish.lua."""
    if word == "gone":
        return _gone(job_id)
    if word == "finished" and more[0] != JobState.CANCELLED:
        return Conflict(f"job {job_id} is {more[0]}: there is nothing to cancel")
    return None


def _not_failed(job_id: str, found: Changed | None) -> HintrelayError:
    if isinstance(found, Job):
        return Conflict(f"job {job_id} is {found.state}: only a failed job can be retried")
    return found or _gone(job_id)


def _gone(job_id: str) -> NotFound:
    return NotFound(f"there is no job {job_id}", hint="hintrelay ls shows the jobs")


def _resumes(job: Job) -> tuple[JobState, dict[str, Any]]:
    """The state that a failed job goes on from, and the facts that go."""
    resume = JobState(job.facts.get("resume") or JobState.ACCEPTED)
    facts: dict[str, Any] = {"error": None, "resume": None}
    if resume is JobState.DEPLOYED and job.facts.get("endpoint"):  # it was taken down when the job failed
        return JobState.TRAINED, facts | {"deployment": None, "endpoint": None, "endpoint_id": None}
    return resume, facts


_BEFORE_PAYING = frozenset({JobState.ACCEPTED, JobState.PREPARED, JobState.UPLOADED})
