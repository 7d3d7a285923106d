"""The line: who is next, who leaves it, and what brings back whom it forgot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from common.claims import LINES, Claimed, Refusal, Take
from common.job import Job, Lease
from common.keys import QUEUE_HINTS, QUEUE_PLATFORM, Keys
from common.states import JobState
from common.store import Moved, Store
from tests.invariants import assert_invariants
from tests.jobs_made import LEASE_MS, START_MS, MovableClock, claimed, in_state, made, new_job

HINTS = Take([QUEUE_HINTS], LEASE_MS)
BOTH = Take([QUEUE_PLATFORM, QUEUE_HINTS], LEASE_MS)


def take(store: Store, wanted: Take = HINTS) -> Job:
    answer = store.take(wanted)
    assert not isinstance(answer, Refusal), answer
    return answer[1]


def carry(
    store: Store,
    lease: Lease,
    job: Job,
    target: JobState,
    facts: Mapping[str, Any],
    *,
    keep_ms: int | None = None,
    take: Take | None = None,
) -> tuple[Moved | None, Claimed | None]:
    """A move, and whoever is next, in one flight."""
    with store.flight() as flight:
        store.send_move(flight, lease, job, target, facts, keep_ms=keep_ms)
        if take is not None:
            store.send_take(flight, take)
        (moved,), claimed = store.land(flight, took=take is not None)
    return moved, claimed[0] if claimed else None


def standing(store: Store, queue: str = QUEUE_HINTS) -> list[str]:
    return store.waiting(10_000)[queue]


def batch(store: Store, name: str, count: int, priority: str = "normal") -> list[str]:
    return [one.job_id for one in store.create([new_job(batch=name, priority=priority) for _ in range(count)])]


def test_jobs_of_one_batch_are_taken_in_their_order_each_once(any_store: Store) -> None:
    ids = batch(any_store, "sweep", 5)
    assert [take(any_store).id for _ in range(5)] == ids
    assert any_store.take(HINTS) == Refusal("empty")
    assert_invariants(any_store)


def test_a_small_batch_does_not_wait_for_a_large_one(any_store: Store) -> None:
    batch(any_store, "large", 100)
    for _ in range(10):
        take(any_store)
    small = batch(any_store, "small", 3)
    assert set(small) <= {take(any_store).id for _ in range(7)}


def test_jobs_submitted_one_by_one_are_taken_in_their_order(any_store: Store, clock: MovableClock) -> None:
    ids = []
    for number in range(20):
        clock.forward(1)
        ids += batch(any_store, f"single-{number}", 1)
    assert [take(any_store).id for _ in ids] == ids


def test_priorities_are_shares_and_nobody_starves(any_store: Store) -> None:
    of = {job: name for name in ("low", "normal", "high") for job in batch(any_store, name, 80, name)}
    assert Counter(of[take(any_store).id] for _ in range(73)) == {"high": 64, "normal": 8, "low": 1}


def test_an_urgent_job_goes_before_all_that_wait(any_store: Store) -> None:
    batch(any_store, "large", 50)
    (urgent,) = batch(any_store, "now", 1, "high")
    assert take(any_store).id == urgent


def test_who_is_claimed_leaves_the_line(any_store: Store) -> None:
    first, second = batch(any_store, "sweep", 2)
    claimed(any_store, first)
    assert standing(any_store) == [second]


def test_a_move_brings_a_job_into_the_line_of_its_next_stage(any_store: Store) -> None:
    job = take(any_store, Take([QUEUE_HINTS], LEASE_MS, batch(any_store, "one", 1)[0]))
    assert standing(any_store) == []
    any_store.move(job.id, JobState.ACCEPTED, JobState.PREPARED, lease=None)  # refused: it is held
    assert standing(any_store, QUEUE_PLATFORM) == []
    waiting = in_state(any_store, JobState.PREPARED)
    assert standing(any_store, QUEUE_PLATFORM) == [waiting]
    assert take(any_store, Take([QUEUE_PLATFORM], LEASE_MS)).stage == "upload"


@pytest.mark.parametrize("end", [JobState.CANCELLED, JobState.FAILED])
def test_an_ended_job_stands_in_no_line(any_store: Store, end: JobState) -> None:
    job_id = made(any_store)
    assert any_store.move(job_id, JobState.ACCEPTED, end)
    assert standing(any_store) == []


def test_who_is_next_but_waits_for_its_backoff_is_passed_over(any_store: Store, clock: MovableClock) -> None:
    first, second = batch(any_store, "sweep", 2)
    lease = claimed(any_store, first)
    any_store.defer(lease, "retry", 60_000)
    any_store.client.zadd(Keys.line(QUEUE_HINTS), {first: 0})
    assert take(any_store).id == second
    assert any_store.take(HINTS) == Refusal("empty")
    clock.forward(60_000)
    any_store.enter(any_store.many([first]), 15_000)
    assert take(any_store).id == first


def test_a_message_whose_job_stands_in_no_line_still_finds_it(any_store: Store) -> None:
    job_id = made(any_store)
    any_store.client.delete(*LINES)
    assert take(any_store, Take([QUEUE_HINTS], LEASE_MS, job_id, "prepare", JobState.ACCEPTED)).id == job_id


def test_a_take_whose_answer_got_lost_and_is_sent_again_takes_one_job(
    any_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = batch(any_store, "sweep", 2)
    monkeypatch.setattr("common.claims.secrets.token_hex", lambda size: "c0ffee")
    assert [take(any_store).id for _ in range(2)] == [first, first]
    assert standing(any_store) == [second]
    assert any_store.get(first).crashes == 0


def test_several_who_are_next_are_taken_in_one_go(any_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = batch(any_store, "sweep", 5)
    monkeypatch.setattr("common.claims.secrets.token_hex", lambda size: "c0ffee")
    for _ in range(2):  # the second time as if the answer had got lost
        with any_store.flight() as flight:
            any_store.send_take(flight, replace(HINTS, count=3))
            _, taken = any_store.land(flight, took=True)
        assert [job.id for _, job in taken] == ids[:3]
        assert standing(any_store) == ids[3:]
    assert [any_store.get(job_id).crashes for job_id in ids] == [0] * 5
    monkeypatch.undo()
    with any_store.flight() as flight:
        any_store.send_take(flight, replace(HINTS, count=3))
        _, taken = any_store.land(flight, took=True)
    assert [job.id for _, job in taken] == ids[3:]
    assert_invariants(any_store)


def test_the_next_job_comes_with_the_move_of_the_one_before(any_store: Store) -> None:
    first, second = batch(any_store, "sweep", 2)
    answer = any_store.take(BOTH)
    assert not isinstance(answer, Refusal)
    lease, job = answer
    moved, following = carry(any_store, lease, job, JobState.PREPARED, {}, take=HINTS)
    assert moved is not None
    assert (moved.now, moved.waiting) == (START_MS, 1)
    assert following is not None
    assert (job.id, following[1].id) == (first, second)
    assert_invariants(any_store)


def test_a_lost_lease_does_not_lose_the_next_job(any_store: Store, clock: MovableClock) -> None:
    _, second = batch(any_store, "sweep", 2)
    answer = any_store.take(HINTS)
    assert not isinstance(answer, Refusal)
    clock.forward(LEASE_MS + 1)
    claimed(any_store, answer[1].id)
    moved, following = carry(any_store, *answer, JobState.PREPARED, {}, take=HINTS)
    assert moved is None
    assert following is not None
    assert following[1].id == second


def test_a_job_moved_in_memory_is_what_is_read_of_it(any_store: Store) -> None:
    answer = any_store.take(Take([QUEUE_HINTS], LEASE_MS, made(any_store)))
    assert not isinstance(answer, Refusal)
    lease, job = answer
    any_store.note(job.id, {"done": 1, "total": 2}, lease=lease)
    facts = {"training": {"sha256": "ab" * 32, "size": 5}, "counts": {"rows": 3}, "file_id": "file-1", "intent": None}
    moved, _ = carry(any_store, lease, job, JobState.PREPARED, facts, keep_ms=LEASE_MS)
    assert moved is not None
    read = any_store.get(job.id)
    told = job.moved(JobState.PREPARED, facts, moved.now, moved.wish)
    assert told.facts == read.facts
    for field in ("state", "since", "updated", "attempt", "crashes", "snooze", "wish", "deadline", "spec_json"):
        assert getattr(told, field) == getattr(read, field), field


def test_a_wish_that_came_meanwhile_is_told_by_the_move(any_store: Store) -> None:
    answer = any_store.take(Take([QUEUE_HINTS], LEASE_MS, made(any_store)))
    assert not isinstance(answer, Refusal)
    any_store.wish(answer[1].id)
    moved, _ = carry(any_store, *answer, JobState.PREPARED, {}, keep_ms=LEASE_MS)
    assert moved is not None
    assert moved.wish == "cancel"


def test_the_tick_reads_nobody_who_stands_in_line_but_wishes_and_deadlines(
    any_store: Store, clock: MovableClock
) -> None:
    waits, wished, late = batch(any_store, "sweep", 3)
    any_store.wish(wished)
    clock.forward(20_000)
    due = any_store.take_due(10, 5000)
    assert (due.number, due.ids) == (3, [wished])
    assert any_store.client.zscore(Keys.due, waits) == clock.ms + 5000
    clock.forward(any_store.get(late).deadline - clock.ms)
    assert sorted(any_store.take_due(10, 5000).ids) == sorted([waits, wished, late])


def test_flows_that_are_behind_are_forgotten(any_store: Store) -> None:
    for number in range(30):
        batch(any_store, f"batch-{number}", 1)
    for _ in range(30):
        take(any_store)
    assert any_store.client.zcard(Keys.turns(QUEUE_HINTS)) <= 31
    batch(any_store, "last", 2)
    take(any_store), take(any_store)
    assert any_store.client.zcard(Keys.turns(QUEUE_HINTS)) <= 3


def test_a_server_that_forgot_the_scripts_still_answers_in_one_go(valkey_store: Store) -> None:
    first, second = batch(valkey_store, "sweep", 2)
    answer = valkey_store.take(HINTS)
    assert not isinstance(answer, Refusal)
    valkey_store.client.script_flush()
    moved, following = carry(valkey_store, *answer, JobState.PREPARED, {}, take=HINTS)
    assert moved is not None
    assert following is not None
    assert (answer[1].id, following[1].id) == (first, second)


def test_a_connection_that_was_cut_is_made_anew(valkey_store: Store) -> None:
    answer = valkey_store.take(Take([QUEUE_HINTS], LEASE_MS, made(valkey_store)))
    assert not isinstance(answer, Refusal)
    other = valkey_store.client.__class__.from_url(valkey_store.url, decode_responses=True)
    other.client_kill_filter(_type="normal", skipme=True)
    other.close()
    moved, _ = carry(valkey_store, *answer, JobState.PREPARED, {}, keep_ms=LEASE_MS)
    assert moved is not None
