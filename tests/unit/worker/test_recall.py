"""Jobs that were given back for their account was busy come as soon as there is room, not with the next tick."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from common.errors import Busy
from common.scripts import source
from common.states import JobState
from tests.fakes.parts import make_job
from tests.fakes.relay import Relay
from worker.recall import WEIGHTS, Recall

PACE = "5f0c2a91b3d4:platform"


def test_priorities_weigh_here_what_they_weigh_in_the_line() -> None:
    assert "local WEIGHTS = {high = 8, normal = 1, low = 1 / 8}" in source("enter")
    assert WEIGHTS == {"high": 8, "normal": 1, "low": 1 / 8}


class Room:
    """What the pace has room for."""

    def __init__(self) -> None:
        self.places: int | None = 0

    def __call__(self, pace: str, within_s: float) -> int | None:
        assert pace == PACE
        return self.places


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def relay(tmp_path: Path) -> Relay:
    return Relay(tmp_path)


@pytest.fixture
def recall(relay: Relay, room: Room, monkeypatch: pytest.MonkeyPatch) -> Recall:
    """Whose looks the test makes: its thread does nothing."""
    monkeypatch.setattr(Recall, "_work", lambda self: None)
    return Recall(relay.store, relay.nudges, room)


def sent_away(relay: Relay, recall: Recall, busy: Busy, **changes: object) -> str:
    relay.platform.faults = [Busy("no place", after_s=600.0)]
    job_id = relay.submit(**changes)
    relay.drive()
    assert relay.get(job_id).state is JobState.UPLOADED
    relay.nudges.sent.clear()
    recall.sent_away(relay.get(job_id), busy)
    return job_id


def test_a_job_comes_when_there_is_room_whatever_time_it_was_told(relay: Relay, recall: Recall, room: Room) -> None:
    job_id = sent_away(relay, recall, Busy("no place", after_s=600.0, pace=PACE))
    recall.look()
    assert relay.nudges.sent == []
    room.places = 4
    recall.look()
    assert [sent for sent, _ in relay.nudges.sent] == [job_id]
    relay.drive()
    job = relay.get(job_id)
    assert (job.state, job.attempt) == (JobState.TRAINING, 1)
    recall.look()
    assert relay.nudges.sent == []


def test_whoever_was_sent_away_first_comes_first_and_no_more_than_have_room(
    relay: Relay, recall: Recall, room: Room
) -> None:
    jobs = [sent_away(relay, recall, Busy("no place", pace=PACE)) for _ in range(3)]
    room.places = 4  # within a second, of which a look is a quarter
    for job_id in jobs:
        relay.nudges.sent.clear()
        recall.look()
        assert [sent for sent, _ in relay.nudges.sent] == [job_id]


def test_batches_and_priorities_take_turns_among_those_that_were_sent_away(
    relay: Relay, recall: Recall, room: Room
) -> None:
    """Found by use: at a slow pace hundreds of jobs were away, and three of high priority stood behind all of them."""
    busy = Busy("no place", pace=PACE)
    low = [sent_away(relay, recall, busy, fresh=True, priority="low", name=f"l{n}") for n in range(3)]
    big = [sent_away(relay, recall, busy, fresh=True) for _ in range(5)]
    high = [sent_away(relay, recall, busy, fresh=True, priority="high") for _ in range(2)]
    room.places, order = 4, []
    for _ in range(10):
        relay.nudges.sent.clear()
        recall.look()
        order += [sent for sent, _ in relay.nudges.sent]
    assert order[:2] == high
    assert set(order[2:7]) == set(big)
    assert set(order[7:]) == set(low)
    assert recall._away == {}


def test_a_job_that_the_platform_refused_waits_for_its_own_time(relay: Relay, recall: Recall) -> None:
    sent_away(relay, recall, Busy("the platform answered 429", after_s=30.0))
    recall.look()
    assert relay.nudges.sent == []
    job_id = sent_away(relay, recall, Busy("the platform answered 429", after_s=0.0))
    recall.look()
    assert [sent for sent, _ in relay.nudges.sent] == [job_id]


def test_a_job_that_has_ended_meanwhile_is_not_called(relay: Relay, recall: Recall, room: Room) -> None:
    job_id = sent_away(relay, recall, Busy("no place", pace=PACE))
    relay.round(1000)
    assert relay.get(job_id).state is JobState.TRAINING
    relay.nudges.sent.clear()
    room.places = None
    recall.look()
    assert relay.nudges.sent == []


def test_the_thread_ends_with_the_last_job(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = threading.Event()
    monkeypatch.setattr("worker.recall.LOOK_S", 0.0)
    recall = Recall(relay.store, relay.nudges, lambda pace, within_s: looked.set())
    recall.sent_away(make_job(JobState.UPLOADED), Busy("no place", pace=PACE))
    thread = recall._thread
    assert thread is not None
    thread.join(30)
    assert looked.is_set()
    assert not thread.is_alive()


def test_a_thread_that_a_fault_ended_is_followed_by_another(recall: Recall) -> None:
    ended = recall._thread = threading.Thread(target=lambda: None)
    recall.sent_away(make_job(JobState.UPLOADED), Busy("no place", pace=PACE))
    assert recall._thread is not ended
