"""When waiting ends, and with which exit code: one rule for wait and watch."""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import Exit
from common.job import Job
from common.states import ROAD, JobState, reached
from common.waiting import needs_a_person


def arrived(job: Job, goal: JobState) -> bool:
    """Whether the job is where it was wanted."""
    return reached(job.state, goal) if goal in ROAD else job.state is goal


def settled(job: Job, goal: JobState) -> bool:
    """Whether there is nothing more to wait for with this job."""
    return job.finished or arrived(job, goal)


def verdict(jobs: Sequence[Job], goal: JobState = JobState.SUCCEEDED) -> Exit:
    """The exit code if the waiting ended now. NOT_FINISHED: something moves on by itself."""
    left = [job for job in jobs if not settled(job, goal)]
    if left:
        return Exit.NEEDS_A_PERSON if all(map(needs_a_person, left)) else Exit.NOT_FINISHED
    lost = {job.state for job in jobs if not arrived(job, goal)}
    if not lost:
        return Exit.DONE
    return Exit.CANCELLED if lost == {JobState.CANCELLED} else Exit.SOME_FAILED


def final(code: Exit, *, people_may_come: bool) -> bool:
    """Whether waiting ends with this verdict; `people_may_come`: somebody may yet do their part."""
    return code is not Exit.NOT_FINISHED and not (code is Exit.NEEDS_A_PERSON and people_may_come)
