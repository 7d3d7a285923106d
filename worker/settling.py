"""What becomes of a job whose stage did not move it on: it waits, tries again, or ends."""

from __future__ import annotations

import structlog

from common.backoff import full_jitter
from common.errors import ArtifactLost, Busy, HintrelayError, Permanent, StaleMove, Transient
from common.job import Job, Lease
from common.outcomes import AwaitSlot, Outcome, Reject, Snooze
from common.states import JobState
from common.store import Store
from worker.desk import Ending, Stopping
from worker.recall import Recall

log = structlog.get_logger(__name__)


class Settler:
    """Makes durable what is no advance. Raises StaleMove when the lease is somebody else's by now."""

    def __init__(self, store: Store, recall: Recall | None = None) -> None:
        self._store = store
        self._recall = recall

    def settle(self, outcome: Outcome | HintrelayError, lease: Lease, job: Job, name: str) -> None:
        """Make durable what is no advance."""
        match outcome:
            case Snooze() | AwaitSlot():
                self._wait(outcome, lease)
            case Reject():
                self._reject(outcome, lease, job, name)
            case Ending():
                self._must(self._store.defer(lease, "snooze", 0, "it is to end"))
            case Stopping():
                log.info("job_given_back")
                self._must(self._store.defer(lease, "release", 0, "its worker stopped"))
            case Permanent():
                # a lost file is made again from the data set; what was paid is found, not paid again
                resume = JobState.ACCEPTED if isinstance(outcome, ArtifactLost) else None
                self._reject(Reject(outcome.message, outcome.code, resume=resume), lease, job, name)
            case HintrelayError():
                self._failed_attempt(outcome, lease, job, name)

    def _wait(self, outcome: Snooze | AwaitSlot, lease: Lease) -> None:
        if isinstance(outcome, AwaitSlot):
            log.info("slot_awaited", reason=outcome.reason)
            self._must(self._store.await_slot(lease, outcome.most, outcome.reason))
            return
        log.info("stage_snoozed", seconds=round(outcome.seconds, 1), reason=outcome.reason)
        delay_ms = int(outcome.seconds * 1000)
        self._must(self._store.defer(lease, "snooze", delay_ms, outcome.reason, outcome.facts))

    def _reject(self, outcome: Reject, lease: Lease, job: Job, name: str) -> None:
        error = {"stage": name, "code": outcome.code, "message": outcome.reason, "attempts": job.attempt}
        resume = outcome.resume or job.state
        facts = {**outcome.facts, "error": error, "resume": str(resume)}
        self._must(self._store.move(job.id, job.state, outcome.to, facts, lease=lease, data=error))
        log.warning("job_ended", to=str(outcome.to), code=outcome.code, reason=outcome.reason)

    def _failed_attempt(self, exc: HintrelayError, lease: Lease, job: Job, name: str) -> None:
        if isinstance(exc, Busy):  # the account is busy, not the job at fault: its deadline alone ends that
            self._wait(Snooze(full_jitter(1, after_s=exc.after_s), exc.message), lease)
            if self._recall is not None:
                self._recall.sent_away(job, exc)
            return
        if job.attempt >= job.max_attempts:
            self._reject(Reject(exc.message, exc.code), lease, job, name)
            return
        wait_s = full_jitter(job.attempt, after_s=exc.after_s if isinstance(exc, Transient) else None)
        sentence = f"attempt {job.attempt} of {job.max_attempts} failed: {exc.message}"
        error = {"stage": name, "code": exc.code, "message": exc.message, "attempts": job.attempt}
        deferred = self._store.defer(
            lease, "retry", int(wait_s * 1000), sentence, {"error": error}, event="attempt_failed", data=error
        )
        self._must(deferred)
        log.warning("attempt_failed", code=exc.code, reason=exc.message, again_in_s=round(wait_s, 1))

    def _must(self, done: bool) -> None:
        if not done:
            raise StaleMove
