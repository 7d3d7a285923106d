"""When the platform must be asked again: at every tick, but for a while in which nothing can change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from worker.ports import Run, RunStatus

SHARE = 4  #: of the time that the platform says a run still takes, so much is waited: it may be so many times too long
YOUNG_S = 60.0  #: after a change every tick asks for so long: what was just begun, or has moved, may move again


class Patience:
    """The runs that our jobs train by, and for how long the platform's list need not be asked for.

    Only a run that is active, listed, unchanged for a minute and far from its next state by the platform's own estimate
    lets wait. One run of which that is not known means that every tick asks.
    """

    def __init__(self, longest_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._longest_s = longest_s
        self._clock = clock
        self._jobs: dict[str, set[str]] = {}  #: run id -> ids of the jobs that train by it
        self._changed = clock()

    def trains(self, run_id: str, job_id: str) -> None:
        """A job trains by this run, which is new or has changed."""
        self._jobs.setdefault(run_id, set()).add(job_id)
        self._changed = self._clock()

    def ended(self, run_id: str) -> None:
        """No job of ours trains by it any more."""
        if self._jobs.pop(run_id, None) is not None:
            self._changed = self._clock()

    def missing(self, listed: Mapping[str, Run]) -> list[str]:
        """Jobs whose run the list showed before and shows no more; told once."""
        gone = [run_id for run_id in self._jobs if run_id not in listed]
        return [job_id for run_id in gone for job_id in sorted(self._jobs.pop(run_id))]

    def wait_s(self, training: int, listed: Mapping[str, Run], left_s: Callable[[str], float | None]) -> float:
        """For how long nothing can change, as `left_s` tells of each run; 0 when that is not known of all."""
        if sum(map(len, self._jobs.values())) != training or self._clock() - self._changed < YOUNG_S:
            return 0.0
        return min([self._longest_s, *(left / SHARE for left in self._left(listed, left_s))])

    def _left(self, listed: Mapping[str, Run], left_s: Callable[[str], float | None]) -> Iterable[float]:
        for run_id in self._jobs:
            run = listed.get(run_id)
            left = left_s(run_id) if run is not None and run.status is RunStatus.ACTIVE else None
            yield left or 0.0
            if not left:
                return
