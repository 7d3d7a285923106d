"""The runner: claim -> bind the log context -> stage -> settle. The one home of what all stages share."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import structlog

from common.claims import Claimed, Refusal
from common.errors import HintrelayError, Permanent, StaleMove, Transient, Unreachable
from common.flight import Flight
from common.ledger import Ledger
from common.outcomes import Advance, Outcome
from common.pipeline import CANCEL, STAGES, Step, rest, starts_from
from common.states import JobState, reached
from common.store import Moved, Store
from worker.desk import JobDesk, Stopping
from worker.hand import Hand, InHand
from worker.leases import LeaseKeeper
from worker.ports import Ports
from worker.recall import Recall
from worker.settling import Settler
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
        recall: Recall | None = None,
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
        self._settler = Settler(store, recall)

    def run(self, job_id: str, stage: str, chained: Collection[str] | None = None) -> Ran:
        """One message's work: the jobs that are next in line, else the message's own. Never raises: what cannot be
        settled, the lease and `due` bring back. `chained` are the tasks of its chain, None: all that follow."""
        spell = Spell(self._stop, self._queues_from(stage), self._lease_ms)
        ran = Ran(Then.END)
        try:
            claimed = self._first(spell, job_id, stage)
            if isinstance(claimed, Refusal):
                return self._refused(claimed, stage, job_id)
            with Hand(self._keeper) as hand:
                hand.take([claimed])
                while hand.jobs:
                    for left, of in self._round(hand, spell):
                        carried = left == job_id and not hand.jobs and _holds(chained, of.state)
                        if of.then is Then.RUN_ON and not carried:
                            self._wake(left, of)  # its rest has no message here, or one that would have to wait
                        elif left == job_id:
                            ran = of
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

    def _round(self, hand: Hand, spell: Spell) -> list[tuple[str, Ran]]:
        """One stage of each job in hand, and whoever is taken to them; who left the hand, having moved.

        A move is sent as soon as its stage has ended; its answer is read when those of the others are.
        """
        began, jobs = time.monotonic(), list(hand.jobs)
        with self._store.flight() as flight:
            sent = [one for number, one in enumerate(jobs) if self._work(one, hand, flight, later=number > 0)]
            spell.worked(time.monotonic() - began, len(jobs))
            wanted = spell.more(sum(one.following is not None for one in sent))
            if wanted is not None:
                self._store.send_take(flight, wanted)
            moved, claimed = self._store.land(flight, took=wanted is not None)
        left = [(one.job.id, self._moved(one, how, hand)) for one, how in zip(sent, moved, strict=True)]
        if wanted is not None:
            spell.took(wanted, len(claimed))
            hand.take(claimed)
        return [(job_id, ran) for job_id, ran in left if ran is not None]

    def _work(self, one: InHand, hand: Hand, flight: Flight, *, later: bool) -> bool:
        """One stage of one job; whether it has advanced, and its move was sent. Else the job is out of hand."""
        lease, job = one.lease, one.job
        with structlog.contextvars.bound_contextvars(job=job.id, stage=one.stage, attempt=job.attempt):
            try:
                if not self._keeper.begin(one.held):
                    raise StaleMove
                ending = bool(job.wish) or job.now >= job.deadline or one.held.ending
                name = CANCEL.name if ending else one.stage
                if ending:
                    structlog.contextvars.bind_contextvars(stage=name)
                outcome = Stopping() if later and self._stop else self._attempt(name, one)
                if isinstance(outcome, Advance):
                    self._advance(outcome, one, flight)
                    return True
                self._settler.settle(outcome, lease, job, name)
            except StaleMove:
                log.info("lease_lost")
            except HintrelayError as exc:
                log.warning("stage_not_settled", reason=exc.message, code=exc.code)
        hand.drop(one)
        return False

    def _attempt(self, name: str, one: InHand) -> Outcome | HintrelayError:
        job = one.job
        if job.crashes > MOST_CRASHES:
            return Permanent(f"{job.crashes} workers died at this stage without getting on", code="crashed")
        desk = JobDesk(self._store, one.held, job, self._stop, self._ports.platform.name, self._ledger)
        one.noted = desk.noted
        try:
            return self._stages[name](job, self._ports, desk)
        except (StaleMove, Unreachable):
            raise
        except HintrelayError as exc:
            return exc
        except Exception as exc:
            log.exception("stage_crashed")
            return Transient(f"{type(exc).__name__}: {exc}", code="bug")

    def _advance(self, outcome: Advance, one: InHand, flight: Flight) -> None:
        """Send the move. The lease is kept for the stage that follows, where this process serves its queue."""
        step = STAGES.get(outcome.to)
        goes_on = step is not None and step.queue in self._queues and not self._stop
        one.outcome, one.following = outcome, step if goes_on else None
        self._store.send_move(
            flight,
            one.lease,
            one.job,
            outcome.to,
            {**outcome.facts, "stage": step.name} if step and goes_on else outcome.facts,
            keep_ms=self._lease_ms if goes_on else None,
            data={name: outcome.facts[name] for name in _TOLD if outcome.facts.get(name) is not None},
        )
        one.held.turn(at_work=False)

    def _moved(self, one: InHand, moved: Moved | None, hand: Hand) -> Ran | None:
        """Take in what became of a move: what is left to do for a job that goes no further here."""
        about = {"job": one.job.id, "stage": one.stage, "attempt": one.job.attempt}
        if moved is None:
            log.info("lease_lost", **about)
            hand.drop(one)
            return None
        log.info("stage_done", to=str(one.outcome.to), **about)
        if one.following is not None:
            one.go_on(moved)
            return None
        hand.drop(one)
        return Ran(Then.RUN_ON if one.outcome.to in STAGES else Then.END, one.outcome.to, moved.waiting)

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
    "unavailable",
)
