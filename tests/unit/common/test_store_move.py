"""Moves: fenced by the lease and the state, with everything that goes with them in one script."""

import pytest

from common.errors import IllegalMove
from common.keys import Keys
from common.states import JobState
from common.store import Store
from tests.invariants import assert_invariants
from tests.jobs_made import DEADLINE_MS, LEASE_MS, START_MS, MovableClock, claimed, in_state, made

A, P = JobState.ACCEPTED, JobState.PREPARED


def due(store: Store, job_id: str) -> float | None:
    score: float | None = store.client.zscore(Keys.due, job_id)
    return score


def test_a_move_writes_state_facts_index_due_and_event_together(any_store: Store, clock: MovableClock) -> None:
    job_id = made(any_store)
    lease = claimed(any_store, job_id)
    clock.forward(1000)
    facts = {"training": {"sha256": "ab", "size": 3}, "counts": {"train_rows": 2}, "file_id": None}
    assert any_store.move(job_id, A, P, facts, lease=lease, look_ms=7000, data={"rows": 2})
    job = any_store.get(job_id)
    assert (job.state, job.since, job.updated, job.lease_until) == (P, clock.ms, clock.ms, 0)
    assert job.facts == {"training": {"sha256": "ab", "size": 3}, "counts": {"train_rows": 2}}
    assert due(any_store, job_id) == clock.ms + 7000
    assert (any_store.ids(A), any_store.ids(P)) == ([], [job_id])
    _, event = any_store.client.xrange(Keys.events)[-1]
    assert (event["type"], event["from"], event["to"], event["data"]) == (
        "data_prepared", "accepted", "prepared", '{"rows":2}',
    )  # fmt: skip
    assert_invariants(any_store)


def test_a_move_from_a_state_that_the_job_is_not_in_is_refused(any_store: Store) -> None:
    job_id = made(any_store)
    lease = claimed(any_store, job_id)
    assert not any_store.move(job_id, P, JobState.UPLOADED, lease=lease)
    assert any_store.get(job_id).state is A
    assert not any_store.move("ffffffff", A, P)
    assert_invariants(any_store)


def test_a_move_that_the_table_does_not_have_is_a_bug(any_store: Store) -> None:
    with pytest.raises(IllegalMove, match="no move from accepted to trained"):
        any_store.move(made(any_store), A, JobState.TRAINED)


def test_a_move_in_one_breath_is_refused_while_any_lease_lives(any_store: Store, clock: MovableClock) -> None:
    job_id = made(any_store)
    claimed(any_store, job_id)
    assert not any_store.move(job_id, A, P)
    clock.forward(LEASE_MS)
    assert any_store.move(job_id, A, P)
    assert_invariants(any_store)


def test_a_lease_that_is_kept_serves_the_next_stage(any_store: Store, clock: MovableClock) -> None:
    job_id = made(any_store)
    lease = claimed(any_store, job_id)
    clock.forward(LEASE_MS - 1)
    assert any_store.move(job_id, A, P, lease=lease, keep_ms=LEASE_MS)
    assert due(any_store, job_id) == clock.ms + LEASE_MS
    clock.forward(LEASE_MS - 1)
    assert any_store.get(job_id).leased(clock.ms)
    assert any_store.move(job_id, P, JobState.UPLOADED, lease=lease)
    assert_invariants(any_store)


def test_a_move_begins_a_new_count_of_attempts_and_crashes(any_store: Store, clock: MovableClock) -> None:
    job_id = made(any_store)
    claimed(any_store, job_id)
    clock.forward(LEASE_MS)
    any_store.defer(claimed(any_store, job_id), "retry", 0, "attempt 1 failed", {"done": 3, "total": 9})
    job = any_store.get(job_id)
    assert (job.attempt, job.crashes, job.snooze, job.facts["done"]) == (2, 1, "attempt 1 failed", "3")
    any_store.move(job_id, A, P)
    job = any_store.get(job_id)
    assert (job.attempt, job.crashes, job.snooze, job.not_before) == (1, 0, "", 0)
    assert "done" not in job.facts


@pytest.mark.parametrize("end", [JobState.FAILED, JobState.CANCELLED])
def test_an_ended_job_is_due_no_more_and_its_wish_is_done(any_store: Store, end: JobState) -> None:
    job_id = made(any_store)
    lease = claimed(any_store, job_id)
    any_store.wish(job_id)
    assert any_store.move(job_id, A, end, lease=lease, look_ms=5000)
    job = any_store.get(job_id)
    assert (due(any_store, job_id), job.wish, job.lease_until) == (None, "", 0)
    assert_invariants(any_store)


def test_no_look_is_later_than_the_deadline(any_store: Store) -> None:
    job_id = made(any_store)
    any_store.move(job_id, A, P, look_ms=10 * DEADLINE_MS)
    assert due(any_store, job_id) == START_MS + DEADLINE_MS


def test_a_job_that_is_wished_cancelled_is_looked_at_at_once_after_a_move(any_store: Store) -> None:
    job_id = made(any_store)
    lease = claimed(any_store, job_id)
    any_store.wish(job_id)
    any_store.move(job_id, A, P, lease=lease, look_ms=60_000)
    assert due(any_store, job_id) == START_MS


def test_a_retry_may_extend_the_deadline_from_now(any_store: Store, clock: MovableClock) -> None:
    job_id = in_state(any_store, JobState.FAILED)
    clock.forward(5 * DEADLINE_MS)
    assert any_store.move(job_id, JobState.FAILED, A, extend=True)
    assert any_store.get(job_id).deadline == clock.ms + DEADLINE_MS
    assert_invariants(any_store)


def test_a_move_without_extension_leaves_the_deadline(any_store: Store, clock: MovableClock) -> None:
    job_id = made(any_store)
    clock.forward(1000)
    any_store.move(job_id, A, P)
    assert any_store.get(job_id).deadline == START_MS + DEADLINE_MS


def test_many_moves_go_in_one_round_trip(any_store: Store) -> None:
    ids = [made(any_store) for _ in range(3)]
    pipe = any_store.pipeline()
    for job_id in [*ids, "ffffffff"]:
        assert any_store.move(job_id, A, P, pipe=pipe)
    assert [bool(answer) for answer in any_store.execute(pipe)] == [True, True, True, False]
    assert sorted(any_store.ids(P)) == sorted(ids)
    assert_invariants(any_store)


def test_a_job_keeps_its_place_by_age_in_each_index(any_store: Store, clock: MovableClock) -> None:
    older = made(any_store)
    clock.forward(10)
    younger = made(any_store)
    any_store.move(younger, A, P)
    clock.forward(10)
    any_store.move(older, A, P)
    assert any_store.ids(P) == [older, younger]
