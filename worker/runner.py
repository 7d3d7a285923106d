"""The runner: claim -> bind the log context -> stage -> settle. The one home of what all stages share."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import structlog

from common.backoff import full_jitter
from common.claims import Claimed, Refusal
from common.errors import ArtifactLost, Busy, HintrelayError, Permanent, StaleMove, Transient, Unreachable
from common.job import Job, Lease
from common.ledger import Ledger
from common.outcomes import Advance, AwaitSlot, Outcome, Reject, Snooze
from common.pipeline import CANCEL, STAGES, Step, rest, starts_from
from common.states import JobState, reached
from common.store import Moved, Store
from worker.desk import Ending, JobDesk, Stopping
from worker.leases import Held, LeaseKeeper
from worker.ports import Ports
from worker.spells import Spell
from worker.stages import Stage
from worker.stopping import StopFlag

log = structlog.get_logger(__name__)

MOST_CRASHES = 20  #: a job that took so many workers with it, without getting on, is given up


class Waker(Protocol):
    """Wakes a worker of another queue, or of this one; see common.sender.Sender."""

    def wake(self, job_id: str, steps: Sequence[Step], standing: int) -> None: ...


class Then(Enum):
    """What becomes of the rest of the chain that carried the message."""

    RUN_ON = "run on"  #: another worker, or this one, takes up the next stage
    END = "end"  #: somebody else carries the job, or it waits, or it has ended


@dataclass(frozen=True, slots=True)
class Ran:
    """What becomes of the chain that carried a job, the state that this worker moved it to, and how many stand in the
    line that it entered then."""

    then: Then
    state: JobState | None = None
    standing: int = 0


class Runner:
    """Runs stages of the queues that this process serves; goes on with the next stage itself where it serves it."""

    def __init__(
        self,
        store: Store,
        keeper: LeaseKeeper,
        ports: Ports,
        stages: Mapping[str, Stage],
        stop: StopFlag,
        waker: Waker,
        *,
        queues: frozenset[str],
        lease_s: float,
        ledger: Ledger | None = None,
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._ports = ports
        self._stages = stages
        self._stop = stop
        self._waker = waker
        self._queues = queues
        self._lease_ms = int(lease_s * 1000)
        self._ledger = ledger or Ledger.beside(store)

    def run(self, job_id: str, stage: str, chained: Collection[str] | None = None) -> Ran:
        """One message's work: the jobs that are next in line, else the message's own. Never raises: what cannot be
        settled, the lease and `due` bring back. `chained` are the tasks of its chain, None: all that follow."""
        spell = Spell(self._store, self._stop, self._queues_from(stage), self._lease_ms)
        ran = Ran(Then.END)
        try:
            claimed = self._first(spell, job_id, stage)
            if isinstance(claimed, Refusal):
                return self._refused(claimed, stage, job_id)
            following: Claimed | None = claimed
            while following is not None:
                job = following[1]
                left = self._serve(following, spell)
                following = spell.next()
                carried = job.id == job_id and following is None and _holds(chained, left.state)
                if left.then is Then.RUN_ON and not carried:
                    self._wake(job.id, left)  # its rest has no message here, or one that would have to wait
                elif job.id == job_id:
                    ran = left
            if not spell.drained:
                self._wake_one()
        except HintrelayError as exc:
            log.warning("stage_not_settled", reason=exc.message, code=exc.code)
        return ran

    def _queues_from(self, stage: str) -> list[str]:
        """The lines that this worker serves, the message's first."""
        origin = starts_from(stage)
        first = STAGES[origin].queue if origin else ""
        return sorted(self._queues, key=lambda queue: (queue != first, queue))

    def _first(self, spell: Spell, job_id: str, stage: str) -> Claimed | Refusal:
        origin = starts_from(stage)
        if origin is None:  # cancel: this very job
            return self._store.claim(job_id, stage, None, self._lease_ms)
        return self._store.take(spell.wanted(job_id, stage, origin))

    def _refused(self, refusal: Refusal, stage: str, job_id: str) -> Ran:
        log.debug("claim_refused", job=job_id, stage=stage, why=refusal.why, detail=refusal.detail)
        origin = starts_from(stage)
        done = refusal.why == "elsewhere" and origin is not None and reached(JobState(refusal.detail), origin)
        return Ran(Then.RUN_ON if done else Then.END)

    def _serve(self, claimed: Claimed, spell: Spell) -> Ran:
        """One job, as far as it goes here. Never raises."""
        lease, job = claimed
        with structlog.contextvars.bound_contextvars(job=job.id, stage=job.stage, attempt=job.attempt):
            try:
                with self._keeper.hold(lease) as held:
                    return self._carry(lease, job, held, spell)
            except StaleMove:
                log.info("lease_lost")
            except HintrelayError as exc:
                log.warning("stage_not_settled", reason=exc.message, code=exc.code)
            return Ran(Then.END)

    def _carry(self, lease: Lease, job: Job, held: Held, spell: Spell) -> Ran:
        """Stage after stage under one lease, as long as this process serves the next one's queue."""
        stage = job.stage
        while True:
            ending = bool(job.wish) or job.now >= job.deadline or held.ending
            name = CANCEL.name if ending else stage
            structlog.contextvars.bind_contextvars(stage=name, attempt=job.attempt)
            desk = JobDesk(self._store, held, job, self._stop, self._ports.platform.name, self._ledger)
            outcome = self._attempt(name, job, desk)
            if not isinstance(outcome, Advance):
                self._settle(outcome, lease, job, name)
                return Ran(Then.END)
            step = STAGES.get(outcome.to)
            goes_on = step is not None and step.queue in self._queues and not self._stop
            moved = self._advance(outcome, lease, job, step if goes_on else None, spell)
            if step is None or not goes_on:
                return Ran(Then.RUN_ON if step else Then.END, outcome.to, moved.waiting)
            held.restart_limit()
            gone = dict.fromkeys(("done", "total", "error"))
            job, stage = (
                job.moved(outcome.to, {**desk.noted, **gone, **outcome.facts}, moved.now, moved.wish),
                step.name,
            )

    def _wake(self, job_id: str, left: Ran) -> None:
        """Somebody who serves the next stage. A nudge that is lost costs one tick."""
        assert left.state is not None, "who runs on has moved"
        try:
            self._waker.wake(job_id, rest(left.state), left.standing)
        except HintrelayError as exc:
            log.warning("nudges_not_sent", count=1, reason=exc.message)

    def _wake_one(self) -> None:
        """The spell is over: where somebody stands in line still, another message goes on with it."""
        lines = self._store.waiting(1)
        for job in self._store.many([ids[0] for queue, ids in lines.items() if ids and queue in self._queues]):
            if job.state in STAGES:
                self._wake(job.id, Ran(Then.RUN_ON, job.state))

    def _attempt(self, name: str, job: Job, desk: JobDesk) -> Outcome | HintrelayError:
        if job.crashes > MOST_CRASHES:
            return Permanent(f"{job.crashes} workers died at this stage without getting on", code="crashed")
        try:
            return self._stages[name](job, self._ports, desk)
        except (StaleMove, Unreachable):
            raise
        except HintrelayError as exc:
            return exc
        except Exception as exc:
            log.exception("stage_crashed")
            return Transient(f"{type(exc).__name__}: {exc}", code="bug")

    def _settle(self, outcome: Outcome | HintrelayError, lease: Lease, job: Job, name: str) -> None:
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

    def _advance(self, outcome: Advance, lease: Lease, job: Job, following: Step | None, spell: Spell) -> Moved:
        """Move the job. Its lease is kept for the `following` stage; without one, the next job is taken with it."""
        takes = following is None and spell.goes_on()
        moved, claimed = self._store.carry(
            lease,
            job,
            outcome.to,
            {**outcome.facts, "stage": following.name} if following else outcome.facts,
            keep_ms=self._lease_ms if following else None,
            data={name: outcome.facts[name] for name in _TOLD if outcome.facts.get(name) is not None},
            take=spell.wanted() if takes else None,
        )
        if takes:
            spell.took(claimed)
        if moved is None:
            raise StaleMove
        if outcome.to in {JobState.GENERATED, JobState.SUCCEEDED}:
            self._store.drop_pieces(job.id)
        log.info("stage_done", to=str(outcome.to))
        return moved

    def _reject(self, outcome: Reject, lease: Lease, job: Job, name: str) -> None:
        error = {"stage": name, "code": outcome.code, "message": outcome.reason, "attempts": job.attempt}
        resume = outcome.resume or job.state
        facts = {**outcome.facts, "error": error, "resume": str(resume)}
        self._must(self._store.move(job.id, job.state, outcome.to, facts, lease=lease, data=error))
        log.warning("job_ended", to=str(outcome.to), code=outcome.code, reason=outcome.reason)

    def _failed_attempt(self, exc: HintrelayError, lease: Lease, job: Job, name: str) -> None:
        if isinstance(exc, Busy):  # the account is busy, not the job at fault: its deadline alone ends that
            self._wait(Snooze(full_jitter(1, after_s=exc.after_s), exc.message), lease)
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


def _holds(chained: Collection[str] | None, state: JobState | None) -> bool:
    """Whether a chain of these tasks goes on from `state`."""
    step = STAGES.get(state) if state else None
    return chained is None or (step is not None and step.task in chained)


#: facts that stand in the event of their move
_TOLD = (
    "file_id",
    "run_id",
    "output_name",
    "deployment",
    "counts",
    "scores",
    "hints",
    "results",
    "training",
    "unavailable",
)
