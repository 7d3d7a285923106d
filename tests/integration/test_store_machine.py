"""Random workers, people and time against one real store: whatever comes, the invariants hold."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from common.claims import Refusal
from common.commands import Commands
from common.connection import Client
from common.errors import Conflict
from common.job import Lease
from common.states import FINISHED, MOVES, ROAD, JobState
from common.store import Store
from tests.invariants import assert_invariants
from tests.jobs_made import DEADLINE_MS, LEASE_MS, MovableClock, RecordingNudger, made

PICK = st.integers(0, 3)
FORWARD = {
    state: [target for origin, target in MOVES if origin is state and target is not JobState.ACCEPTED] for state in ROAD
}


@dataclass
class Expected:
    """What the model knows of one job."""

    state: JobState
    deadline: int
    attempt: int = 1
    wish: bool = False
    not_before: int = 0
    lease: Lease | None = None
    lease_until: int = 0
    name: str | None = None
    crashes: int = 0

    def leased(self, now: int) -> bool:
        return self.lease is not None and self.lease_until > now

    def move(self, target: JobState, keep_until: int | None = None) -> None:
        self.state, self.attempt, self.not_before, self.crashes = target, 1, 0, 0
        if target in FINISHED:
            self.wish = False
        if keep_until is None:
            self.lease, self.lease_until = None, 0
        else:
            self.lease_until = keep_until


class Machine(RuleBasedStateMachine):
    """At most 4 jobs, picked by number; leases that were lost are kept to be tried again."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        client.flushall()
        self.clock = MovableClock()
        self.store = Store(client, actor="w", clock=self.clock)
        self.commands = Commands(self.store, RecordingNudger())
        self.jobs: dict[str, Expected] = {}
        self.stale: list[tuple[str, Lease]] = []
        self.submit()
        self.submit()

    def held(self, pick: int) -> tuple[str, Expected, Lease]:
        """A job that somebody claimed and did not give back, whether the lease lives or not."""
        found = [(job_id, known, known.lease) for job_id, known in self.jobs.items() if known.lease]
        return found[pick % len(found)]

    def job(self, pick: int) -> tuple[str, Expected]:
        return list(self.jobs.items())[pick % len(self.jobs)]

    def submit(self) -> None:
        job_id = made(self.store)
        self.jobs[job_id] = Expected(JobState.ACCEPTED, self.clock.ms + DEADLINE_MS)

    @precondition(lambda self: len(self.jobs) < 4)
    @rule()
    def somebody_submits(self) -> None:
        self.submit()

    @rule(ms=st.sampled_from([1, 999, LEASE_MS - 1, LEASE_MS, LEASE_MS, DEADLINE_MS]))
    def time_goes_by(self, ms: int) -> None:
        self.clock.forward(ms)

    @rule(pick=PICK)
    def the_right_stage_claims(self, pick: int) -> None:
        self.claim(*self.job(pick), self.job(pick)[1].state)

    @rule(pick=PICK)
    def the_cancel_stage_claims(self, pick: int) -> None:
        self.claim(*self.job(pick), None)

    @rule(pick=PICK, origin=st.sampled_from(JobState))
    def any_stage_claims(self, pick: int, origin: JobState) -> None:
        self.claim(*self.job(pick), origin)

    def claim(self, job_id: str, known: Expected, origin: JobState | None) -> None:
        answer = self.store.claim(job_id, "stage", origin, LEASE_MS)
        why = self._refusal(known, origin)
        if why:
            assert isinstance(answer, Refusal)
            assert answer.why == why
            return
        assert not isinstance(answer, Refusal)
        if known.lease is not None:
            self.stale.append((job_id, known.lease))
            known.crashes += 1
        known.lease, known.lease_until = answer[0], self.clock.ms + LEASE_MS

    def _refusal(self, known: Expected, origin: JobState | None) -> str:
        if known.state in FINISHED:
            return "finished"
        if known.leased(self.clock.ms):
            return "held"
        if known.wish or known.deadline <= self.clock.ms:
            return ""
        if origin not in {None, known.state}:
            return "elsewhere"
        return "early" if known.not_before > self.clock.ms else ""

    @precondition(lambda self: any(known.lease for known in self.jobs.values()))
    @rule(pick=PICK, choice=PICK, keep=st.booleans())
    def the_holder_moves(self, pick: int, choice: int, keep: bool) -> None:
        job_id, known, lease = self.held(pick)
        target = FORWARD[known.state][choice % len(FORWARD[known.state])]
        keep = keep and target not in FINISHED
        assert self.store.move(
            job_id, known.state, target, lease=lease, keep_ms=LEASE_MS if keep else None, look_ms=500
        )
        known.move(target, self.clock.ms + LEASE_MS if keep else None)

    @rule(pick=PICK)
    def the_tick_moves_in_one_breath(self, pick: int) -> None:
        job_id, known = self.job(pick)
        if known.state in FINISHED:
            return
        target = ROAD[ROAD.index(known.state) + 1]
        moved = self.store.move(job_id, known.state, target)
        assert moved is not known.leased(self.clock.ms)
        if moved:
            if known.lease:
                self.stale.append((job_id, known.lease))
            known.move(target)

    @precondition(lambda self: any(known.lease for known in self.jobs.values()))
    @rule(pick=PICK, how=st.sampled_from(["snooze", "retry", "release"]), delay=st.sampled_from([0, 700, 10**8]))
    def the_holder_defers(self, pick: int, how: str, delay: int) -> None:
        job_id, known, lease = self.held(pick)
        assert self.store.defer(lease, how, delay, "why")
        self.stale.append((job_id, lease))
        known.attempt += how == "retry"
        known.not_before = self.clock.ms + (0 if known.wish else delay)
        known.lease, known.lease_until = None, 0

    @precondition(lambda self: any(known.lease for known in self.jobs.values()))
    @rule(pick=PICK)
    def the_holder_renews(self, pick: int) -> None:
        _, known, lease = self.held(pick)
        ending = known.wish or known.deadline <= self.clock.ms
        assert self.store.renew([lease], LEASE_MS) == [2 if ending else 1]
        known.lease_until = self.clock.ms + LEASE_MS

    @precondition(lambda self: self.stale)
    @rule(pick=PICK)
    def a_worker_that_lost_its_lease_changes_nothing(self, pick: int) -> None:
        job_id, lease = self.stale[pick % len(self.stale)]
        state = self.jobs[job_id].state
        assert self.store.renew([lease], LEASE_MS) == [0]
        assert not self.store.defer(lease, "retry", 0)
        assert not self.store.note(job_id, {"file_id": "stale"}, lease=lease)
        for target in FORWARD.get(state, ()):
            assert not self.store.move(job_id, state, target, lease=lease)

    @rule(pick=PICK)
    def somebody_cancels(self, pick: int) -> None:
        job_id, known = self.job(pick)
        if known.state in {JobState.SUCCEEDED, JobState.FAILED}:
            with pytest.raises(Conflict):
                self.commands.cancel(job_id)
            return
        again, early = known.wish, known.state in ROAD[:3]
        self.commands.cancel(job_id)
        if known.state is JobState.CANCELLED:
            return
        known.wish = True
        if early and not again and not known.leased(self.clock.ms):
            if known.lease:
                self.stale.append((job_id, known.lease))
            known.move(JobState.CANCELLED)

    @rule(pick=PICK)
    def somebody_retries(self, pick: int) -> None:
        job_id, known = self.job(pick)
        if known.state is not JobState.FAILED:
            with pytest.raises(Conflict):
                self.commands.retry(job_id)
            return
        self.commands.retry(job_id)
        known.move(JobState.ACCEPTED)
        known.deadline = self.clock.ms + DEADLINE_MS

    @rule(pick=PICK, name=st.sampled_from(["acme/one", "acme/two"]))
    def somebody_registers(self, pick: int, name: str) -> None:
        job_id, known = self.job(pick)
        (word, *_) = self.store.register(job_id, name)
        if name == known.name:
            assert word == "same"
        elif known.state in {JobState.SUCCEEDED, JobState.CANCELLED}:
            assert word == "finished"
        elif known.state in {JobState.DEPLOYED, JobState.GENERATED}:
            assert word == "used"
        else:
            assert word == "registered"
            known.name = name

    @rule(limit=st.integers(1, 5))
    def the_tick_looks(self, limit: int) -> None:
        now, _, taken = self.store.take_due(limit, 5000)
        assert now == self.clock.ms
        read = self.store.many(taken)
        assert not any(job.finished or job.leased(now) for job in read)
        self.store.postpone([(job, now + 60_000) for job in read])

    @invariant()
    def the_store_is_whole(self) -> None:
        assert_invariants(self.store)

    @invariant()
    def the_store_is_as_expected(self) -> None:
        for job_id, known in self.jobs.items():
            job = self.store.get(job_id)
            assert (job.state, job.attempt, job.deployment) == (known.state, known.attempt, known.name)
            assert (job.deadline, job.wish != "", job.crashes) == (known.deadline, known.wish, known.crashes)
            assert (job.lease_until, job.not_before) == (known.lease_until, known.not_before)


def test_whatever_workers_people_and_time_do_the_store_stays_whole(valkey: Client) -> None:
    factory: Any = partial(Machine, valkey)  # hypothesis takes one, its types do not say so
    run_state_machine_as_test(
        factory,
        settings=settings(
            max_examples=30,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
