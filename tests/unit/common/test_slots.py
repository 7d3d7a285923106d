"""Slots: never more runs than may be, none lost to a crash, and turns for those that wait."""

from __future__ import annotations

import pytest

from common.job import Lease
from common.keys import Keys
from common.states import JobState
from common.store import Store
from tests.invariants import assert_invariants
from tests.jobs_made import DEADLINE_MS, START_MS, MovableClock, claimed, made

SENTENCE = "3 runs of at most 3 are under way"


def uploaded(store: Store, batch: str = "", priority: str = "") -> str:
    job_id = made(store, batch=batch)
    if priority:
        store.client.hset(Keys.job(job_id), "priority", priority)
    assert store.move(job_id, JobState.ACCEPTED, JobState.PREPARED)
    assert store.move(job_id, JobState.PREPARED, JobState.UPLOADED)
    return job_id


def leased(store: Store, job_id: str) -> Lease:
    return claimed(store, job_id, "finetune", JobState.UPLOADED)


def training(store: Store, most: int | None = None) -> str:
    """A job that took a slot and is in training."""
    lease = leased(store, job_id := uploaded(store))
    assert store.admit(lease, most) == ("admitted", 0)
    assert store.move(job_id, JobState.UPLOADED, JobState.TRAINING, {"run_id": f"ft-{job_id}"}, lease=lease)
    return job_id


def waiting(store: Store, most: int | None = None, batch: str = "", priority: str = "") -> str:
    """A job that waits in the slot line."""
    lease = leased(store, job_id := uploaded(store, batch, priority))
    assert store.await_slot(lease, most, SENTENCE)
    return job_id


def test_the_slot_and_the_intent_are_one(any_store: Store) -> None:
    lease = leased(any_store, job_id := uploaded(any_store))
    assert any_store.admit(lease, 1) == ("admitted", 0)
    assert float(any_store.get(job_id).facts["intent"]) == START_MS / 1000
    other = leased(any_store, uploaded(any_store))
    assert any_store.admit(other, 1) == ("full", 1)
    assert "intent" not in any_store.get(other.job_id).facts


def test_who_asks_again_for_the_slot_it_has_is_admitted(any_store: Store) -> None:
    lease = leased(any_store, uploaded(any_store))
    assert [any_store.admit(lease, 1)[0] for _ in range(3)] == ["admitted"] * 3


def test_a_worker_that_lost_its_lease_takes_no_slot(any_store: Store) -> None:
    job_id = uploaded(any_store)
    assert any_store.admit(Lease(job_id, "another"), 1)[0] == "lost"
    assert not any_store.await_slot(Lease(job_id, "another"), 1, SENTENCE)
    assert any_store.admit(leased(any_store, uploaded(any_store)), 1)[0] == "admitted"


def test_what_trains_counts_whoever_began_it_and_with_or_without_a_limit(any_store: Store) -> None:
    for _ in range(3):
        training(any_store)
    late = leased(any_store, uploaded(any_store))
    assert any_store.admit(late, 3) == ("full", 3)
    assert any_store.admit(late, 4)[0] == "admitted"


@pytest.mark.parametrize("end", [JobState.TRAINED, JobState.FAILED, JobState.CANCELLED])
def test_a_job_that_leaves_training_makes_room(any_store: Store, end: JobState) -> None:
    first = training(any_store)
    lease = leased(any_store, uploaded(any_store))
    assert any_store.admit(lease, 1) == ("full", 1)
    assert any_store.move(first, JobState.TRAINING, end)
    assert any_store.admit(lease, 1)[0] == "admitted"


@pytest.mark.parametrize("end", [JobState.FAILED, JobState.CANCELLED])
def test_a_slot_of_a_job_that_ended_before_it_paid_is_free(any_store: Store, end: JobState) -> None:
    first = leased(any_store, uploaded(any_store))
    assert any_store.admit(first, 1)[0] == "admitted"
    assert any_store.move(first.job_id, JobState.UPLOADED, end, lease=first)
    assert any_store.admit(leased(any_store, uploaded(any_store)), 1)[0] == "admitted"


def test_a_slot_whose_record_was_deleted_by_hand_is_free(any_store: Store) -> None:
    first = leased(any_store, uploaded(any_store))
    assert any_store.admit(first, 1)[0] == "admitted"
    any_store.client.delete(Keys.job(first.job_id))
    any_store.client.zrem(Keys.state(JobState.UPLOADED), first.job_id)
    assert any_store.admit(leased(any_store, uploaded(any_store)), 1)[0] == "admitted"


def test_a_crashed_worker_keeps_its_jobs_slot_until_the_job_is_taken_up(any_store: Store, clock: MovableClock) -> None:
    first = leased(any_store, job_id := uploaded(any_store))
    assert any_store.admit(first, 1)[0] == "admitted"
    clock.forward(60_000)
    assert any_store.admit(leased(any_store, uploaded(any_store)), 1) == ("full", 1)
    assert any_store.admit(leased(any_store, job_id), 1)[0] == "admitted"


def test_a_job_that_waits_is_looked_at_at_its_deadline_and_says_why(any_store: Store) -> None:
    job_id = waiting(any_store)
    job = any_store.get(job_id)
    assert (job.snooze, job.not_before, job.lease_until) == (SENTENCE, 0, 0)
    assert any_store.client.zscore(Keys.due, job_id) == START_MS + DEADLINE_MS
    assert_invariants(any_store)


def test_whoever_is_next_is_due_at_once_and_has_the_slot(any_store: Store) -> None:
    first, second, third = (training(any_store), waiting(any_store), waiting(any_store))
    assert any_store.hand_on(1) == []
    assert any_store.move(first, JobState.TRAINING, JobState.TRAINED)
    assert any_store.hand_on(1) == [second]
    assert any_store.client.zscore(Keys.due, second) == START_MS
    assert any_store.hand_on(1) == []
    assert any_store.admit(leased(any_store, third), 1) == ("full", 1)
    assert any_store.admit(leased(any_store, second), 1)[0] == "admitted"


def test_who_comes_new_takes_no_slot_past_those_that_wait(any_store: Store) -> None:
    waiting(any_store)
    assert any_store.admit(leased(any_store, uploaded(any_store)), 1) == ("full", 0)


def test_batches_take_turns(any_store: Store) -> None:
    large = [waiting(any_store, batch="large") for _ in range(4)]
    small = [waiting(any_store, batch="small") for _ in range(2)]
    order = []
    for most in range(1, 7):
        order += any_store.hand_on(most)
    assert [set(order[:2]), set(order[2:4])] == [{large[0], small[0]}, {large[1], small[1]}]
    assert order[4:] == large[2:]
    assert any_store.client.exists(Keys.slot_turns) == 0


def test_a_batch_that_comes_late_does_not_wait_for_all_of_an_earlier_one(any_store: Store) -> None:
    large = [waiting(any_store, batch="large") for _ in range(10)]
    assert any_store.hand_on(5) == large[:5]
    late = waiting(any_store, batch="late")
    (sixth, seventh) = any_store.hand_on(7)
    assert {sixth, seventh} == {large[5], late}


def test_a_job_with_room_under_its_own_limit_passes_those_without(any_store: Store) -> None:
    training(any_store), training(any_store)
    narrow, wide = waiting(any_store, most=2), waiting(any_store, most=3)
    assert any_store.hand_on(None) == [wide]
    assert any_store.client.zcard(Keys.slot_line) == 1
    assert narrow in any_store.get(narrow).facts["place"]


@pytest.mark.parametrize("end", [JobState.FAILED, JobState.CANCELLED])
def test_a_job_that_ends_while_it_waits_is_passed_over(any_store: Store, end: JobState) -> None:
    first, second = waiting(any_store), waiting(any_store)
    assert any_store.move(first, JobState.UPLOADED, end)
    assert any_store.hand_on(1) == [second]
    assert_invariants(any_store)


def test_a_wish_to_cancel_is_not_slept_through(any_store: Store) -> None:
    lease = leased(any_store, job_id := uploaded(any_store))
    any_store.wish(job_id)
    assert any_store.await_slot(lease, 1, SENTENCE)
    assert any_store.client.zscore(Keys.due, job_id) == START_MS


def test_a_second_look_keeps_the_place_in_the_line(any_store: Store) -> None:
    first, second = waiting(any_store), waiting(any_store)
    assert any_store.await_slot(leased(any_store, first), None, SENTENCE)
    assert any_store.client.zcard(Keys.slot_line) == 2
    assert any_store.hand_on(1) == [first]
    assert any_store.hand_on(2) == [second]


def test_a_slot_that_is_handed_on_to_a_job_that_will_not_pay_goes_further(any_store: Store) -> None:
    first, second = waiting(any_store), waiting(any_store)
    assert any_store.hand_on(1) == [first]
    any_store.yield_slot(first)
    assert any_store.hand_on(1) == [second]


def test_slots_go_to_priorities_by_their_weights(any_store: Store) -> None:
    """While all three wait, of 73 slots 64 are for high, 8 for normal and 1 for low: nothing starves."""
    training(any_store)
    low = {waiting(any_store, batch="a", priority="low") for _ in range(2)}
    normal = {waiting(any_store, batch="a") for _ in range(16)}
    high = {waiting(any_store, batch="a", priority="high") for _ in range(130)}
    handed = any_store.hand_on(1 + 73)
    counts = [len(set(handed) & jobs) for jobs in (high, normal, low)]
    assert sum(counts) == 73
    assert abs(counts[0] - 64) <= 1
    assert abs(counts[1] - 8) <= 1
    assert abs(counts[2] - 1) <= 1


def test_who_comes_late_with_a_high_priority_need_not_wait_for_all(any_store: Store) -> None:
    training(any_store)
    many = [waiting(any_store, batch="a") for _ in range(50)]
    late = waiting(any_store, batch="b", priority="high")
    assert any_store.hand_on(2) == [late]
    assert any_store.hand_on(2) == []
    assert many[0] in any_store.hand_on(4)
