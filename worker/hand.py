"""The jobs that one thread holds at once: one as a rule, a few while stages end at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from common.claims import Claimed
from common.job import Job, Lease
from common.outcomes import Advance
from common.pipeline import Step
from common.states import JobState
from common.store import Moved
from worker.leases import Held, LeaseKeeper

_GONE: dict[str, Any] = dict.fromkeys(("done", "total", "error"))  #: facts that no move keeps


@dataclass(slots=True)
class InHand:
    """One job that is held, the stage that it is to go through, and how that went."""

    lease: Lease
    job: Job
    held: Held
    stage: str
    outcome: Advance = field(default=Advance(JobState.ACCEPTED))
    following: Step | None = None  #: the stage that follows here, under the same lease
    noted: dict[str, Any] = field(default_factory=dict)  #: facts that the stage wrote

    def go_on(self, moved: Moved) -> None:
        """The job as it is after its move: that saves reading it again."""
        assert self.following is not None, "it goes on"
        facts = {**self.noted, **_GONE, **self.outcome.facts}
        self.job = self.job.moved(self.outcome.to, facts, moved.now, moved.wish)
        self.stage = self.following.name


class Hand:
    """Keeps the leases of its jobs alive until they leave it, or it is left."""

    def __init__(self, keeper: LeaseKeeper) -> None:
        self._keeper = keeper
        self.jobs: list[InHand] = []

    def __enter__(self) -> Hand:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for one in list(self.jobs):
            self.drop(one)

    def take(self, claimed: Iterable[Claimed]) -> None:
        for lease, job in claimed:
            self.jobs.append(InHand(lease, job, self._keeper.keep(lease), job.stage))

    def drop(self, one: InHand) -> None:
        self.jobs.remove(one)
        self._keeper.drop(one.held)
