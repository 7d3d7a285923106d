"""Leases: who may move a job, until when, and what a crash leaves behind."""

import pytest

from common.claims import Refusal
from common.keys import Keys
from common.states import JobState
from common.store import Store
from tests.invariants import assert_invariants
from tests.jobs_made import DEADLINE_MS, LEASE_MS, MovableClock, claimed, in_state, made, refused


def claim(store: Store, job_id: str, stage: str = "prepare", origin: JobState | None = JobState.ACCEPTED) -> str:
    return refused(store.claim(job_id, stage, origin, LEASE_MS))


def test_a_claim_gives_the_job_a_token_and_is_looked_at_when_it_runs_out(any_store: Store, clock: MovableClock) -> None:
    job_id = made(any_store)
    answer = any_store.claim(job_id, "prepare", JobState.ACCEPTED, LEASE_MS)
    assert not isinstance(answer, Refusal)
    lease, job = answer
    assert (lease.job_id, len(lease.token)) == (job_id, 16)
    assert (job.owner, job.stage, job.now, job.lease_until) == ("tester", "prepare", clock.ms, clock.ms + LEASE_MS)
    assert job.spec.version == 1
    assert any_store.client.zscore(Keys.due, job_id) == clock.ms + LEASE_MS
    assert_invariants(any_store)


def test_a_job_that_is_not_there_is_gone(any_store: Store) -> None:
    assert claim(any_store, "ffffffff") == "gone"
    assert any_store.client.keys("*ffffffff*") == []


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED])
def test_a_finished_job_is_not_claimed(any_store: Store, state: JobState) -> None:
    job_id = in_state(any_store, state)
    assert any_store.claim(job_id, "cancel", None, LEASE_MS) == Refusal("finished", state)
    assert_invariants(any_store)


def test_a_held_job_is_not_claimed_and_names_its_holder(any_store: Store) -> None:
    job_id = made(any_store)
    claimed(any_store, job_id)
    assert any_store.claim(job_id, "prepare", JobState.ACCEPTED, LEASE_MS) == Refusal("held", "tester")


def test_a_job_in_another_state_than_the_stage_starts_from_is_elsewhere(any_store: Store) -> None:
    job_id = in_state(any_store, JobState.UPLOADED)
    assert any_store.claim(job_id, "prepare", JobState.ACCEPTED, LEASE_MS) == Refusal("elsewhere", "uploaded")
    assert any_store.get(job_id).lease_until == 0


def test_a_job_in_backoff_is_not_claimed_before_its_time(any_store: Store, clock: MovableClock) -> None:
    job_id = made(any_store)
    any_store.defer(claimed(any_store, job_id), "retry", 5000, "attempt 1 failed")
    clock.forward(4999)
    assert claim(any_store, job_id) == "early"
    clock.forward(1)
    assert claimed(any_store, job_id)


def test_a_wish_is_claimed_whatever_the_state_and_the_backoff(any_store: Store) -> None:
    job_id = in_state(any_store, JobState.UPLOADED)
    any_store.defer(claimed(any_store, job_id, "finetune"), "snooze", 60_000, "later")
    any_store.wish(job_id)
    assert claimed(any_store, job_id, "prepare", JobState.ACCEPTED)


def test_a_job_past_its_deadline_is_claimed_whatever_the_state(any_store: Store, clock: MovableClock) -> None:
    job_id = in_state(any_store, JobState.TRAINING)
    assert claim(any_store, job_id) == "elsewhere"
    clock.forward(DEADLINE_MS)
    assert claimed(any_store, job_id, "prepare", JobState.ACCEPTED)


def test_a_wish_does_not_break_a_lease_that_lives(any_store: Store) -> None:
    job_id = made(any_store)
    claimed(any_store, job_id)
    any_store.wish(job_id)
    assert claim(any_store, job_id) == "held"


def test_a_lease_that_ran_out_counts_as_a_crash_and_the_job_can_be_claimed(
    any_store: Store, clock: MovableClock
) -> None:
    job_id = made(any_store)
    first = claimed(any_store, job_id)
    clock.forward(LEASE_MS)
    second = claimed(any_store, job_id)
    assert first.token != second.token
    assert any_store.get(job_id).crashes == 1
    assert_invariants(any_store)


def test_a_lease_given_back_is_no_crash(any_store: Store) -> None:
    job_id = made(any_store)
    any_store.defer(claimed(any_store, job_id), "release", 0)
    claimed(any_store, job_id)
    assert any_store.get(job_id).crashes == 0


def test_a_renewed_lease_lasts_from_now(any_store: Store, clock: MovableClock) -> None:
    job_id = made(any_store)
    lease = claimed(any_store, job_id)
    clock.forward(LEASE_MS - 1)
    assert any_store.renew([lease], LEASE_MS) == [1]
    clock.forward(LEASE_MS - 1)
    assert claim(any_store, job_id) == "held"
    assert any_store.client.zscore(Keys.due, job_id) == clock.ms + 1


def test_a_renewal_tells_of_a_wish_and_of_a_deadline_and_of_a_lost_lease(any_store: Store, clock: MovableClock) -> None:
    wished, late, lost = (made(any_store) for _ in range(3))
    leases = [claimed(any_store, job_id) for job_id in (wished, late, lost)]
    any_store.wish(wished)
    any_store.client.hset(Keys.job(late), "deadline", clock.ms)
    clock.forward(LEASE_MS)
    claimed(any_store, lost)
    assert any_store.renew(leases, LEASE_MS) == [2, 2, 0]
    assert any_store.renew([], LEASE_MS) == []


def test_a_worker_that_lost_its_lease_can_change_nothing(any_store: Store, clock: MovableClock) -> None:
    job_id = made(any_store)
    stale = claimed(any_store, job_id)
    clock.forward(LEASE_MS)
    fresh = claimed(any_store, job_id)
    before = any_store.client.hgetall(Keys.job(job_id))
    assert not any_store.move(job_id, JobState.ACCEPTED, JobState.PREPARED, lease=stale)
    assert not any_store.defer(stale, "retry", 0, "late")
    assert not any_store.note(job_id, {"file_id": "file-x"}, lease=stale)
    assert any_store.renew([stale], LEASE_MS) == [0]
    assert any_store.client.hgetall(Keys.job(job_id)) == before
    assert any_store.move(job_id, JobState.ACCEPTED, JobState.PREPARED, lease=fresh)
    assert_invariants(any_store)


def test_a_worker_whose_lease_ran_out_unnoticed_may_still_finish(any_store: Store, clock: MovableClock) -> None:
    job_id = made(any_store)
    lease = claimed(any_store, job_id)
    clock.forward(10 * LEASE_MS)
    assert any_store.move(job_id, JobState.ACCEPTED, JobState.PREPARED, lease=lease)
    assert any_store.get(job_id).crashes == 0
