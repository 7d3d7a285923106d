"""Creating jobs: once, whole, and under a key only once."""

from collections.abc import Iterator

import pytest

from common.creation import BATCH, FIRST_LOOK_MS
from common.errors import Conflict, NotFound
from common.keys import Keys
from common.states import JobState
from common.store import Store
from tests.invariants import assert_invariants
from tests.jobs_made import DEADLINE_MS, START_MS, made, new_job


def test_a_new_job_is_accepted_due_soon_and_told_of(any_store: Store) -> None:
    job_id = made(any_store)
    job = any_store.get(job_id)
    assert (job.state, job.attempt, job.created, job.name) == (JobState.ACCEPTED, 1, START_MS, "demo")
    assert job.deadline == START_MS + DEADLINE_MS
    assert any_store.client.zscore(Keys.due, job_id) == START_MS + FIRST_LOOK_MS
    ((_, event),) = any_store.client.xrange(Keys.events)
    assert event == {
        "job": job_id, "type": "job_accepted", "from": "", "to": "accepted", "actor": "tester",
        "at": str(START_MS), "data": "{}",
    }  # fmt: skip
    assert_invariants(any_store)


def test_a_batch_larger_than_one_round_trip_is_stored_whole_and_in_order(any_store: Store) -> None:
    count = BATCH + 5
    stored = any_store.create([new_job(record={"name": f"n{i}"}) for i in range(count)])
    assert [any_store.get(one.job_id).name for one in stored[:: BATCH // 4]] == [
        f"n{i}" for i in range(0, count, BATCH // 4)
    ]
    assert len({one.job_id for one in stored}) == count
    assert any_store.count()[JobState.ACCEPTED] == count


def test_the_same_key_and_content_is_the_same_job(any_store: Store) -> None:
    first, again = (any_store.create([new_job(key="nightly")])[0] for _ in range(2))
    assert (first.created, again.created) == (True, False)
    assert first.job_id == again.job_id
    assert len(any_store.ids()) == 1
    assert_invariants(any_store)


def test_the_same_key_twice_in_one_batch_is_one_job(any_store: Store) -> None:
    first, again = any_store.create([new_job(key="k"), new_job(key="k")])
    assert (first.created, again.created, again.job_id) == (True, False, first.job_id)


def test_a_key_with_other_content_is_refused_and_names_the_job_that_has_it(any_store: Store) -> None:
    job_id = made(any_store, key="nightly")
    with pytest.raises(Conflict, match=rf"the key 'nightly' belongs to job {job_id}"):
        made(any_store, key="nightly", digest="d2")
    assert any_store.ids() == [job_id]


def test_equal_jobs_without_a_key_are_two_jobs(any_store: Store) -> None:
    assert made(any_store) != made(any_store)


def test_two_jobs_that_draw_the_same_id_do_not_become_one(any_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    draws: Iterator[str] = iter(["aaaaaaaa", "aaaaaaaa", "aaaaaaaa", "bbbbbbbb"])
    monkeypatch.setattr("common.drafts.secrets.token_hex", lambda size: next(draws))
    first, second = (made(any_store, digest=digest, record={"name": digest}) for digest in ("first", "second"))
    assert (first, second) == ("aaaaaaaa", "bbbbbbbb")
    assert any_store.get(first).name == "first"
    assert_invariants(any_store)


def test_the_record_has_the_spec_whole_and_no_field_that_was_not_given(any_store: Store) -> None:
    job = any_store.get(made(any_store, record={"data": None}))
    assert job.spec.finetune.model == "acme/base"
    assert job.pointer("data") is None


def test_an_id_is_found_by_its_beginning_in_either_case(any_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    draws = iter(["abc00001", "abd00002"])
    monkeypatch.setattr("common.drafts.secrets.token_hex", lambda size: next(draws))
    made(any_store)
    made(any_store)
    assert any_store.resolve("abc") == "abc00001"
    assert any_store.resolve(" ABD00002 ") == "abd00002"
    with pytest.raises(Conflict, match="ab is the beginning of 2 job ids: abc00001, abd00002"):
        any_store.resolve("ab")


@pytest.mark.parametrize("prefix", ["", "  ", "ffff", "abc000019"])
def test_what_is_no_beginning_of_an_id_is_not_found(any_store: Store, prefix: str) -> None:
    made(any_store)
    with pytest.raises(NotFound):
        any_store.resolve(prefix)


def test_a_job_that_is_not_there_is_not_found(any_store: Store) -> None:
    with pytest.raises(NotFound, match="there is no job 12345678"):
        any_store.get("12345678")


def test_many_jobs_are_read_in_order_without_their_specs_and_without_the_missing(any_store: Store) -> None:
    first, second = made(any_store), made(any_store)
    jobs = any_store.many([second, "ffffffff", first])
    assert [job.id for job in jobs] == [second, first]
    assert all(job.spec_json is None for job in jobs)
    assert any_store.many([]) == []


def test_a_platform_run_leads_back_to_its_job(any_store: Store) -> None:
    job_id = made(any_store)
    any_store.move(job_id, JobState.ACCEPTED, JobState.PREPARED, {"run_id": "ft-1"})
    assert any_store.jobs_of_runs(["ft-1", "ft-foreign"]) == [[job_id], []]
    assert any_store.jobs_of_runs([]) == []


def test_only_one_tick_works_in_a_period(any_store: Store) -> None:
    assert [any_store.take_tick(5.0) for _ in range(3)] == [True, False, False]
    assert 0 < any_store.client.pttl(Keys.tick) <= 5000


def test_a_tick_that_came_late_costs_not_the_next_one_which_is_on_time(any_store: Store) -> None:
    """Found by use: with all threads at work a tick came 0.6 s late, and the next one was none."""
    assert any_store.take_tick(5.0)
    any_store.client.pexpire(Keys.tick, 1000)  # 4 s later
    assert any_store.take_tick(5.0)


@pytest.mark.parametrize("apart_ms", [500, 2500, 4900])
def test_two_beats_make_no_more_ticks_than_one(any_store: Store, apart_ms: int) -> None:
    left, ticks = 0, 0
    for number in range(40):  # the clock is the server's: the key is given what is left of it
        if left > 0:
            any_store.client.pexpire(Keys.tick, left)
        else:
            any_store.client.delete(Keys.tick)
        ticks += any_store.take_tick(5.0)
        left = round(any_store.client.pttl(Keys.tick), -2) - (apart_ms if number % 2 == 0 else 5000 - apart_ms)
    assert ticks <= 21


def test_the_platforms_file_ids_are_remembered(any_store: Store) -> None:
    assert any_store.known_file("https://x abc") is None
    any_store.remember_file("https://x abc", "file-1")
    assert any_store.known_file("https://x abc") == "file-1"
