"""The runner: claim -> bind the log context -> stage -> settle. The one home of what all stages share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import structlog

from common.backoff import full_jitter
from common.errors import ArtifactLost, HintrelayError, Permanent, StaleMove, Transient, Unreachable
from common.job import Job, Lease
from common.outcomes import Advance, AwaitSlot, Outcome, Reject, Snooze
from common.pipeline import CANCEL, STAGES, starts_from
from common.states import JobState, reached
from common.store import Refusal, Store
from worker.desk import Ending, JobDesk, Stopping
from worker.leases import Held, LeaseKeeper
from worker.ports import Ports
from worker.stages import Stage
from worker.stopping import StopFlag

log = structlog.get_logger(__name__)

MOST_CRASHES = 20  #: a job that took so many workers with it, without getting on, is given up


class Then(Enum):
    """What becomes of the rest of the chain that carried the message."""

    RUN_ON = "run on"  #: another worker, or this one, takes up the next stage
    END = "end"  #: somebody else carries the job, or it waits, or it has ended


@dataclass(frozen=True, slots=True)
class Ran:
    """The state that the job was left in, where this run moved it, and what becomes of the chain."""

    then: Then
    state: JobState | None = None


class Runner:
    """Runs stages of the queues that this process serves; goes on with the next stage itself where it serves it."""

    def __init__(
        self,
        store: Store,
        keeper: LeaseKeeper,
        ports: Ports,
        stages: Mapping[str, Stage],
        stop: StopFlag,
        *,
        queues: frozenset[str],
        lease_s: float,
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._ports = ports
        self._stages = stages
        self._stop = stop
        self._queues = queues
        self._lease_ms = int(lease_s * 1000)

    def run(self, job_id: str, stage: str) -> Ran:
        """One message's work. Never raises: what cannot be settled, the lease and `due` bring back."""
        with structlog.contextvars.bound_contextvars(job=job_id, stage=stage):
            try:
                claimed = self._store.claim(job_id, stage, starts_from(stage), self._lease_ms)
                if isinstance(claimed, Refusal):
                    return self._refused(claimed, stage)
                lease, job = claimed
                with self._keeper.hold(lease) as held:
                    return self._carry(lease, job, stage, held)
            except StaleMove:
                log.info("lease_lost")
            except HintrelayError as exc:
                log.warning("stage_not_settled", reason=exc.message, code=exc.code)
            return Ran(Then.END)

    def _refused(self, refusal: Refusal, stage: str) -> Ran:
        log.debug("claim_refused", why=refusal.why, detail=refusal.detail)
        origin = starts_from(stage)
        done = refusal.why == "elsewhere" and origin is not None and reached(JobState(refusal.detail), origin)
        return Ran(Then.RUN_ON if done else Then.END)

    def _carry(self, lease: Lease, job: Job, stage: str, held: Held) -> Ran:
        """Stage after stage under one lease, as long as this process serves the next one's queue."""
        while True:
            ending = bool(job.wish) or (job.now or 0) >= job.deadline or held.ending
            name = CANCEL.name if ending else stage
            with structlog.contextvars.bound_contextvars(stage=name, attempt=job.attempt):
                outcome = self._attempt(name, job, held)
                state = self._settle(outcome, lease, job, name)
            if state is None:
                return Ran(Then.END)
            step = STAGES.get(state)
            if step is None or step.queue not in self._queues:
                return Ran(Then.RUN_ON if step else Then.END, state)
            held.restart_limit()
            job, stage = self._store.get(job.id), step.name

    def _attempt(self, name: str, job: Job, held: Held) -> Outcome | HintrelayError:
        if job.crashes > MOST_CRASHES:
            return Permanent(f"{job.crashes} workers died at this stage without getting on", code="crashed")
        desk = JobDesk(self._store, held, job, self._stop, self._ports.platform.name)
        log.debug("stage_started")
        try:
            return self._stages[name](job, self._ports, desk)
        except (StaleMove, Unreachable):
            raise
        except HintrelayError as exc:
            return exc
        except Exception as exc:
            log.exception("stage_crashed")
            return Transient(f"{type(exc).__name__}: {exc}", code="bug")

    def _settle(self, outcome: Outcome | HintrelayError, lease: Lease, job: Job, name: str) -> JobState | None:
        """Make the outcome durable; the new state where the job moved."""
        match outcome:
            case Advance():
                return self._advance(outcome, lease, job)
            case Snooze() | AwaitSlot():
                self._wait(outcome, lease)
            case Reject():
                return self._reject(outcome, lease, job, name)
            case Ending():
                self._must(self._store.defer(lease, "snooze", 0, "it is to end"))
            case Stopping():
                log.info("job_given_back")
                self._must(self._store.defer(lease, "release", 0, "its worker stopped"))
            case Permanent():
                # a lost file is made again from the data set; what was paid is found, not paid again
                resume = JobState.ACCEPTED if isinstance(outcome, ArtifactLost) else None
                return self._reject(Reject(outcome.message, outcome.code, resume=resume), lease, job, name)
            case HintrelayError():
                return self._failed_attempt(outcome, lease, job, name)
        return None

    def _wait(self, outcome: Snooze | AwaitSlot, lease: Lease) -> None:
        if isinstance(outcome, AwaitSlot):
            log.info("slot_awaited", reason=outcome.reason)
            self._must(self._store.await_slot(lease, outcome.most, outcome.reason))
            return
        log.info("stage_snoozed", seconds=round(outcome.seconds, 1), reason=outcome.reason)
        delay_ms = int(outcome.seconds * 1000)
        self._must(self._store.defer(lease, "snooze", delay_ms, outcome.reason, outcome.facts))

    def _advance(self, outcome: Advance, lease: Lease, job: Job) -> JobState:
        step = STAGES.get(outcome.to)
        goes_on = step is not None and step.queue in self._queues and not self._stop
        moved = self._store.move(
            job.id,
            job.state,
            outcome.to,
            {**outcome.facts, "stage": step.name} if step is not None and goes_on else outcome.facts,
            lease=lease,
            keep_ms=self._lease_ms if goes_on else None,
            look_ms=0 if self._stop else self._store.nudge_ms,
            data={name: outcome.facts[name] for name in _TOLD if outcome.facts.get(name) is not None},
        )
        self._must(moved)
        if outcome.to in {JobState.GENERATED, JobState.SUCCEEDED}:
            self._store.drop_pieces(job.id)
        log.info("stage_done", to=str(outcome.to))
        return outcome.to

    def _reject(self, outcome: Reject, lease: Lease, job: Job, name: str) -> JobState:
        error = {"stage": name, "code": outcome.code, "message": outcome.reason, "attempts": job.attempt}
        resume = outcome.resume or job.state
        facts = {**outcome.facts, "error": error, "resume": str(resume)}
        self._must(self._store.move(job.id, job.state, outcome.to, facts, lease=lease, data=error))
        log.warning("job_ended", to=str(outcome.to), code=outcome.code, reason=outcome.reason)
        return outcome.to

    def _failed_attempt(self, exc: HintrelayError, lease: Lease, job: Job, name: str) -> JobState | None:
        if job.attempt >= job.max_attempts:
            return self._reject(Reject(exc.message, exc.code), lease, job, name)
        wait_s = full_jitter(job.attempt, after_s=exc.after_s if isinstance(exc, Transient) else None)
        sentence = f"attempt {job.attempt} of {job.max_attempts} failed: {exc.message}"
        error = {"stage": name, "code": exc.code, "message": exc.message, "attempts": job.attempt}
        deferred = self._store.defer(
            lease, "retry", int(wait_s * 1000), sentence, {"error": error}, event="attempt_failed", data=error
        )
        self._must(deferred)
        log.warning("attempt_failed", code=exc.code, reason=exc.message, again_in_s=round(wait_s, 1))
        return None

    def _must(self, done: bool) -> None:
        if not done:
            raise StaleMove


#: facts that stand in the event of their move
_TOLD = ("file_id", "run_id", "output_name", "counts", "scores", "hints", "results", "training", "unavailable")
