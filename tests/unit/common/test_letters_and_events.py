"""Dead letters, the event log, and the scripts' own headers."""

import re

import pytest

from common.dead import KEPT_BYTES, DeadLetters
from common.errors import NotFound
from common.eventlog import PAGE, EventLog
from common.events import Event
from common.scripts import NAMES, source
from common.states import JobState
from common.store import Store
from tests.jobs_made import made, new_job


def test_a_letter_keeps_what_arrived_and_why_it_was_not_accepted(any_store: Store) -> None:
    dead = DeadLetters(any_store.client)
    letter = dead.get(dead.file(b"\xff{nonsense\x00", "not JSON"))
    assert (letter.body, letter.reason, letter.size) == (b"\xff{nonsense\x00", "not JSON", 11)
    assert letter.dump()["body"] == "\\xff{nonsense\x00"
    dead.remove(letter.id)
    assert dead.all() == []
    with pytest.raises(NotFound, match=f"there is no dead letter {letter.id}"):
        dead.get(letter.id)


def test_a_long_letter_is_cut_and_its_length_told(any_store: Store) -> None:
    dead = DeadLetters(any_store.client)
    dead.file(b"x" * (KEPT_BYTES + 1), "too long")
    (letter,) = dead.all()
    assert (len(letter.body), letter.size) == (KEPT_BYTES, KEPT_BYTES + 1)


def test_an_endless_stream_of_garbage_does_not_fill_redis(any_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.dead.KEPT_LETTERS", 3)
    dead = DeadLetters(any_store.client)
    for n in range(5):
        dead.file(b"x", f"reason {n}")
    assert {letter.reason for letter in dead.all()} == {"reason 0", "reason 1", "reason 2"}


def test_a_jobs_events_are_its_own_oldest_first(any_store: Store) -> None:
    job_id, other = made(any_store), made(any_store)
    any_store.move(other, JobState.ACCEPTED, JobState.PREPARED)
    any_store.move(job_id, JobState.ACCEPTED, JobState.PREPARED, data={"rows": 3})
    events = list(EventLog(any_store.client).of_job(job_id, since_ms=0))
    assert [event.type for event in events] == ["job_accepted", "data_prepared"]
    assert events[1].dump() == {
        "id": events[1].id, "job": job_id, "type": "data_prepared", "from": "accepted", "to": "prepared",
        "actor": "tester", "at": any_store.get(job_id).updated, "data": {"rows": 3},
    }  # fmt: skip
    assert events[0].dump()["from"] is None


def test_a_job_is_found_in_a_stream_of_many_pages(valkey_store: Store) -> None:
    stored = valkey_store.create([new_job() for _ in range(PAGE + 2)])
    log = EventLog(valkey_store.client)
    for one in (stored[0], stored[PAGE - 1], stored[PAGE], stored[-1]):
        assert len(list(log.of_job(one.job_id, since_ms=0))) == 1


def test_an_empty_stream_has_a_beginning_to_follow_from(any_store: Store) -> None:
    log = EventLog(any_store.client)
    assert log.last_id() == "0-0"
    job_id = made(any_store)
    event = next(log.follow("0-0", block_ms=10))
    assert event is not None
    assert (event.job, event.id) == (job_id, log.last_id())


def test_an_entry_with_the_least_fields_is_an_event() -> None:
    event = Event.from_entry("1-0", {"job": "a", "type": "job_accepted", "at": "1800000000000"})
    assert (event.origin, event.actor, event.data) == ("", "", {})


@pytest.mark.parametrize("name", NAMES)
def test_a_script_is_short_and_its_header_names_every_key_and_argument(name: str) -> None:
    text = source(name)
    text = text[text.index(f"-- {name}: ") :]  # behind the parts that it uses
    header = " ".join(line for line in text.splitlines() if line.startswith("--"))
    assert text.startswith(f"-- {name}: ")
    assert len(text.splitlines()) <= (60 if name == "create" else 40)  # create makes many jobs in one call
    assert "-- KEYS " in text
    assert "-- ARGV " in text
    assert "returns " in header
    keys, arguments = header.partition(" ARGV ")[0].partition(" KEYS ")[2], header.partition(" ARGV ")[2]
    for number in set(re.findall(r"KEYS\[(\d+)\]", text)):
        assert re.search(rf"(?:^|\s){number} \S", keys), f"KEYS {number}"
    for number in set(re.findall(r"ARGV\[(\d+)\]", text)):
        assert re.search(rf"(?:^|\s){number}(?:\.\.\.)? \S", arguments), f"ARGV {number}"
    assert "'hintrelay" not in text
