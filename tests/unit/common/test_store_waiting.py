"""Giving a job back, notes on its record, and the one clock that says who is looked at when."""

import json

import pytest

from common.claims import LINES
from common.creation import FIRST_LOOK_MS
from common.job import Lease
from common.keys import Keys
from common.states import JobState
from common.store import Store
from tests.invariants import assert_invariants
from tests.jobs_made import DEADLINE_MS, LEASE_MS, START_MS, MovableClock, claimed, in_state, made


def due(store: Store, job_id: str) -> float:
    score: float = store.client.zscore(Keys.due, job_id)
    return score


def last_event(store: Store) -> dict[str, str]:
    fields: dict[str, str] = store.client.xrevrange(Keys.events, count=1)[0][1]
    return fields


@pytest.mark.parametrize(("how", "attempt"), [("snooze", 1), ("retry", 2), ("release", 1)])
def test_a_job_given_back_waits_and_only_a_retry_spends_an_attempt(any_store: Store, how: str, attempt: int) -> None:
    job_id = made(any_store)
    assert any_store.defer(claimed(any_store, job_id), how, 5000, "why it waits", {"file_id": "file-1"})
    job = any_store.get(job_id)
    assert (job.state, job.attempt, job.lease_until, job.snooze) == (JobState.ACCEPTED, attempt, 0, "why it waits")
    assert (job.not_before, due(any_store, job_id)) == (START_MS + 5000, START_MS + 5000)
    assert job.facts == {"file_id": "file-1"}
    assert_invariants(any_store)


def test_a_failed_attempt_is_told_of_where_asked(any_store: Store) -> None:
    job_id = made(any_store)
    any_store.defer(claimed(any_store, job_id), "retry", 0, "x", event="attempt_failed", data={"code": "transient"})
    event = last_event(any_store)
    assert (event["type"], event["to"], json.loads(event["data"])) == ("attempt_failed", "", {"code": "transient"})
    any_store.defer(claimed(any_store, job_id), "snooze", 0, "y")
    assert last_event(any_store) == event


def test_a_job_can_be_given_back_only_once(any_store: Store) -> None:
    lease = claimed(any_store, made(any_store))
    assert any_store.defer(lease, "retry", 0)
    assert not any_store.defer(lease, "retry", 0)
    assert any_store.get(lease.job_id).attempt == 2


def test_a_wished_job_does_not_wait_out_its_backoff(any_store: Store) -> None:
    job_id = made(any_store)
    lease = claimed(any_store, job_id)
    any_store.wish(job_id)
    any_store.defer(lease, "retry", 60_000, "attempt 1 failed")
    assert (any_store.get(job_id).not_before, due(any_store, job_id)) == (START_MS, START_MS)


def test_no_backoff_hides_a_deadline(any_store: Store) -> None:
    job_id = made(any_store)
    any_store.defer(claimed(any_store, job_id), "snooze", 3 * DEADLINE_MS, "long")
    assert due(any_store, job_id) == START_MS + DEADLINE_MS


def test_the_holder_notes_facts_and_pieces(any_store: Store) -> None:
    job_id = made(any_store)
    lease = claimed(any_store, job_id)
    assert any_store.note(job_id, {"done": 2, "run_id": "ft-9"}, lease=lease, pieces={"q1": "[1]", "q2": "[2]"})
    assert any_store.get(job_id).facts == {"done": "2", "run_id": "ft-9"}
    assert any_store.jobs_of_runs(["ft-9"]) == [[job_id]]
    assert any_store.pieces(job_id) == {"q1": "[1]", "q2": "[2]"}


def test_pieces_are_gone_once_what_they_were_made_for_is_whole(any_store: Store) -> None:
    job_id = in_state(any_store, JobState.DEPLOYED)
    lease = claimed(any_store, job_id, "generate")
    any_store.note(job_id, {}, lease=lease, pieces={"q1": "[1]"})
    assert not any_store.move(job_id, JobState.DEPLOYED, JobState.GENERATED, lease=Lease(job_id, "lost"))
    assert any_store.pieces(job_id) == {"q1": "[1]"}
    assert any_store.move(job_id, JobState.DEPLOYED, JobState.GENERATED, lease=lease)
    assert any_store.pieces(job_id) == {}


def test_progress_forgives_earlier_crashes(any_store: Store, clock: MovableClock) -> None:
    job_id = made(any_store)
    claimed(any_store, job_id)
    clock.forward(LEASE_MS)
    lease = claimed(any_store, job_id)
    assert any_store.get(job_id).crashes == 1
    any_store.note(job_id, {"done": 1}, lease=lease)
    assert any_store.get(job_id).crashes == 1
    any_store.note(job_id, {}, lease=lease, pieces={"q1": "[]"})
    assert any_store.get(job_id).crashes == 0


def test_an_observation_counts_only_while_the_job_trains_by_that_run(any_store: Store) -> None:
    job_id = in_state(any_store, JobState.TRAINING, run_id="ft-1")
    assert any_store.note(job_id, {"status": "running"}, run_id="ft-1", event="run_status_changed")
    assert last_event(any_store)["type"] == "run_status_changed"
    assert not any_store.note(job_id, {"status": "queued"}, run_id="ft-0")
    assert any_store.get(job_id).facts["status"] == "running"
    any_store.move(job_id, JobState.TRAINING, JobState.TRAINED)
    assert not any_store.note(job_id, {"status": "late"}, run_id="ft-1")
    assert_invariants(any_store)


def test_an_observation_of_no_run_is_none_of_a_job_without_one(any_store: Store) -> None:
    assert not any_store.note(made(any_store), {"status": "x"}, run_id="")


def test_what_is_due_is_pushed_back_and_never_popped(any_store: Store, clock: MovableClock) -> None:
    ids = [made(any_store) for _ in range(3)]
    any_store.client.delete(*LINES)  # who stands in line needs no look
    assert any_store.take_due(10, 5000) == (clock.ms, 0, [])
    clock.forward(FIRST_LOOK_MS)
    now, count, taken = any_store.take_due(2, 5000)
    assert (now, count, len(taken)) == (clock.ms, 2, 2)
    assert all(due(any_store, job_id) == clock.ms + 5000 for job_id in taken)
    assert any_store.take_due(10, 5000).ids == [job_id for job_id in sorted(ids) if job_id not in taken]
    assert any_store.take_due(10, 5000).ids == []
    clock.forward(5000)
    assert sorted(any_store.take_due(10, 5000).ids) == sorted(ids)
    assert_invariants(any_store)


def test_the_longest_due_come_first(any_store: Store, clock: MovableClock) -> None:
    first = made(any_store)
    clock.forward(1)
    second = made(any_store)
    any_store.client.delete(*LINES)
    clock.forward(FIRST_LOOK_MS)
    assert any_store.take_due(10, 1).ids == [first, second]


def test_a_job_to_which_nothing_happened_is_postponed_but_not_past_its_deadline(any_store: Store) -> None:
    soon, late = (any_store.get(made(any_store)) for _ in range(2))
    any_store.postpone([(soon, START_MS + 60_000), (late, START_MS + 9 * DEADLINE_MS)])
    assert (due(any_store, soon.id), due(any_store, late.id)) == (START_MS + 60_000, START_MS + DEADLINE_MS)
    any_store.postpone([])


@pytest.mark.parametrize("what", ["claim", "wish", "register", "move"])
def test_a_job_to_which_something_happened_since_it_was_read_is_not_postponed(any_store: Store, what: str) -> None:
    (seen,) = any_store.many([in_state(any_store, JobState.TRAINED)])
    if what == "claim":
        claimed(any_store, seen.id, "cancel")
    elif what == "wish":
        any_store.wish(seen.id)
    elif what == "register":
        any_store.register(seen.id, "acme/tuned")
    else:
        any_store.move(seen.id, JobState.TRAINED, JobState.DEPLOYED)
    before = due(any_store, seen.id)
    any_store.postpone([(seen, START_MS + 60_000)])
    assert due(any_store, seen.id) == before


def test_a_finished_job_is_not_made_due_by_postponing(any_store: Store) -> None:
    job = any_store.get(in_state(any_store, JobState.FAILED))
    any_store.postpone([(job, START_MS)])
    assert_invariants(any_store)


@pytest.mark.parametrize("state", [s for s in JobState if s not in {"deployed", "generated", "succeeded", "cancelled"}])
def test_a_name_is_registered_early_or_in_time_or_for_a_retry(any_store: Store, state: JobState) -> None:
    job_id = in_state(any_store, state)
    assert any_store.register(job_id, "acme/one") == ["registered"]
    assert any_store.register(job_id, "acme/one") == ["same"]
    assert any_store.register(job_id, "acme/two") == ["registered"]
    assert any_store.get(job_id).deployment == "acme/two"
    assert last_event(any_store)["type"] == "deployment_registered"
    assert_invariants(any_store)


def test_a_name_for_a_trained_job_makes_it_due_at_once(any_store: Store) -> None:
    job_id = in_state(any_store, JobState.TRAINED)
    any_store.postpone([(any_store.get(job_id), START_MS + 60_000)])
    any_store.register(job_id, "acme/one")
    assert due(any_store, job_id) == START_MS


@pytest.mark.parametrize("state", [JobState.DEPLOYED, JobState.GENERATED])
def test_a_name_in_use_is_not_changed(any_store: Store, state: JobState) -> None:
    job_id = in_state(any_store, state, deployment="acme/one")
    assert any_store.register(job_id, "acme/two") == ["used", "acme/one"]
    assert any_store.register(job_id, "acme/one") == ["same"]


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.CANCELLED])
def test_an_ended_job_takes_no_name(any_store: Store, state: JobState) -> None:
    assert any_store.register(in_state(any_store, state), "acme/two") == ["finished", state]
    assert any_store.register("ffffffff", "acme/two") == ["gone"]
    assert any_store.client.exists(Keys.job("ffffffff")) == 0


def test_a_wish_is_kept_once_and_makes_the_job_due_at_once(any_store: Store) -> None:
    job_id = made(any_store)
    assert any_store.wish(job_id) == ["wished", "accepted", ""]
    assert any_store.wish(job_id) == ["again"]
    assert (any_store.get(job_id).wish, due(any_store, job_id)) == ("cancel", START_MS)
    assert last_event(any_store)["type"] == "cancel_requested"
    assert_invariants(any_store)


def test_a_wish_says_whether_money_may_have_been_spent(any_store: Store) -> None:
    job_id = in_state(any_store, JobState.UPLOADED, intent=1)
    assert any_store.wish(job_id) == ["wished", "uploaded", "1"]


def test_a_wish_for_a_held_job_waits_for_its_holder(any_store: Store, clock: MovableClock) -> None:
    job_id = made(any_store)
    lease = claimed(any_store, job_id)
    assert any_store.wish(job_id) == ["held", "tester"]
    assert due(any_store, job_id) == clock.ms + LEASE_MS
    assert any_store.renew([lease], LEASE_MS) == [2]


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED])
def test_a_wish_for_an_ended_job_changes_nothing(any_store: Store, state: JobState) -> None:
    assert any_store.wish(in_state(any_store, state)) == ["finished", state]
    assert any_store.wish("ffffffff") == ["gone"]
    assert_invariants(any_store)


def test_signs_of_life_go_by_the_clock_of_redis(
    any_store: Store, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by review: a machine whose clock was a minute ahead forgot the workers of all others."""
    any_store.sign_of_life(["hints first:1"])
    clock.forward(5_000)
    monkeypatch.setattr("time.time", lambda: 4e9)
    any_store.sign_of_life(["hints ahead:1"])
    assert any_store.alive() == {"hints first:1": clock.ms - 5_000, "hints ahead:1": clock.ms}
    clock.forward(60_000)
    any_store.sign_of_life(["hints ahead:1"])
    assert list(any_store.alive()) == ["hints ahead:1"]
