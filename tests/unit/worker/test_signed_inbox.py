"""The inbox reader with a message key: signed messages are done once, all others are filed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from common.commands import Commands
from common.connection import Client, connect
from common.dead import DeadLetters
from common.errors import Unreachable
from common.keys import QUEUE_INBOX, Keys
from common.signing import sign
from common.store import Store
from tests.jobs_made import RecordingNudger, document
from worker.doorkeeper import Doorkeeper
from worker.inbox import InboxReader

KEY = "a-key-of-some-length"
TASK, KWARGS = "hintrelay.submit", {"spec": document(), "key": "night-1"}


class Desk:
    """A reader over a real Valkey, and what a sender and an operator see."""

    def __init__(self, url: str, store: Store, keys: tuple[str, ...] = (KEY,), age_s: float = 300) -> None:
        self.redis = connect(url)
        self.raw = connect(url, decode=False)
        self.store = store
        self.dead = DeadLetters(self.redis)
        self.commands = Commands(store, RecordingNudger())
        self.door = Doorkeeper(self.raw, keys, age_s)
        self.reader = InboxReader(self.raw, self.commands, self.dead, self.door, "reader")

    def now_ms(self) -> int:
        seconds, micros = self.redis.time()
        return int(seconds * 1000 + micros // 1000)

    def push(self, kwargs: dict[str, Any], task: str = TASK, message_id: str = "m-1") -> None:
        headers = {"id": message_id, "task": task}
        envelope = {"content-type": "application/json", "headers": headers, "body": json.dumps([[], kwargs, {}])}
        self.redis.lpush(QUEUE_INBOX, json.dumps(envelope))

    def read(self) -> list[str]:
        """Read all there is; the reasons of the dead letters."""
        while self.reader.read_one():
            pass
        return [letter.reason for letter in self.dead.all()]

    def jobs(self) -> list[str]:
        return self.store.ids()


@pytest.fixture
def desk(valkey: Client, valkey_url: str, valkey_store: Store) -> Desk:
    return Desk(valkey_url, valkey_store)


def test_a_signed_message_is_done_and_its_nonce_kept_for_twice_the_age(desk: Desk) -> None:
    desk.push(sign(TASK, KWARGS, KEY, at_ms=desk.now_ms(), nonce="n" * 20))
    assert desk.read() == []
    assert len(desk.jobs()) == 1
    assert desk.redis.get(Keys.nonce("n" * 20)) == "spent"
    assert 600_000 < desk.redis.pttl(Keys.nonce("n" * 20)) <= 601_000
    assert desk.redis.llen(Keys.in_progress("reader")) == 0


def test_an_unsigned_message_is_filed_and_does_nothing(desk: Desk) -> None:
    desk.push(KWARGS)
    assert desk.read()[0].startswith("only signed messages are accepted here")
    assert desk.jobs() == []


def test_the_same_bytes_sent_again_are_a_replay(desk: Desk) -> None:
    signed = sign(TASK, KWARGS, KEY, at_ms=desk.now_ms())
    desk.push(signed)
    desk.push(signed)
    assert desk.read() == ["the message is a replay: its nonce was used before"]
    assert len(desk.jobs()) == 1


def test_a_nonce_under_another_envelope_is_a_replay(desk: Desk) -> None:
    signed = sign(TASK, {"spec": document()}, KEY, at_ms=desk.now_ms())
    desk.push(signed)
    desk.push(signed, message_id="m-2")
    assert desk.read() == ["the message is a replay: its nonce was used before"]
    assert len(desk.jobs()) == 1


def test_a_message_that_was_refused_is_spent_too(desk: Desk) -> None:
    task, signed = "hintrelay.cancel", sign("hintrelay.cancel", {"job": "ffffffff"}, KEY, at_ms=desk.now_ms())
    desk.push(signed, task)
    desk.push(signed, task)
    assert sorted(desk.read()) == ["the message is a replay: its nonce was used before", "there is no job ffffffff"]


def test_a_signed_text_that_is_no_good_message_takes_no_nonce(desk: Desk) -> None:
    for number, kwargs in enumerate(({"spec": "x"}, {"job": "a"}, sign(TASK, KWARGS, KEY))):
        desk.push(sign(TASK, kwargs, KEY, at_ms=desk.now_ms(), nonce=f"{number}" * 16))
    desk.push({"signed": "[1]", "auth": sign(TASK, {}, KEY)["auth"]})
    assert len(desk.read()) == 4
    assert not list(desk.redis.scan_iter(Keys.nonce("*")))


def test_a_message_whose_reader_died_over_it_is_no_replay(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It dies after the job was stored, before the envelope was removed."""
    desk.push(sign(TASK, {"spec": document()}, KEY, at_ms=desk.now_ms()))

    def die(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(Doorkeeper, "spend", die)
    with pytest.raises(SystemExit):
        desk.reader.read_one()
    monkeypatch.undo()
    (job,) = desk.jobs()
    next_reader = InboxReader(desk.raw, desk.commands, desk.dead, desk.door, "next")
    next_reader.take_back("reader")
    assert next_reader.read_one()
    assert desk.read() == []
    assert desk.jobs() == [job]


def test_a_message_that_could_not_be_done_for_want_of_redis_is_read_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.push(sign(TASK, KWARGS, KEY, at_ms=desk.now_ms()))

    def away(*_: object) -> None:
        raise Unreachable

    monkeypatch.setattr(Commands, "submit", away)
    with pytest.raises(Unreachable):
        desk.reader.read_one()
    monkeypatch.undo()
    assert desk.read() == []
    assert len(desk.jobs()) == 1


def test_time_is_that_of_redis(desk: Desk) -> None:
    desk.push(sign(TASK, KWARGS, KEY, at_ms=desk.now_ms() - 301_000))
    desk.push(sign(TASK, KWARGS, KEY, at_ms=desk.now_ms() + 310_000))
    reasons = sorted(desk.read())
    assert [reason[:25] for reason in reasons] == ["the message is too far ah", "the message is too old: s"]
    assert desk.jobs() == []


def test_without_a_key_a_signed_message_is_refused_and_a_plain_one_done(
    valkey: Client, valkey_url: str, valkey_store: Store
) -> None:
    desk = Desk(valkey_url, valkey_store, keys=())
    desk.push(sign(TASK, KWARGS, KEY))
    desk.push(KWARGS)
    assert desk.read() == ["the message is signed, and no HINTRELAY_MESSAGE_KEY is set here to check it with"]
    assert len(desk.jobs()) == 1


def test_no_log_line_has_the_mac_or_the_key(desk: Desk) -> None:
    signed = sign(TASK, KWARGS, KEY, at_ms=desk.now_ms())
    with capture_logs() as lines:
        for kwargs in (signed, signed, {**signed, "more": 1}):
            desk.push(kwargs)
        desk.read()
    assert {line["event"] for line in lines} == {"message_done", "message_refused"}
    assert signed["auth"]["mac"] not in repr(lines)
    assert KEY not in repr(lines)


def test_a_reader_whose_clock_is_ahead_takes_nothing_from_one_that_lives(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by review: it took the other for dead, and did what that one was at once more."""
    desk.reader._sign_of_life()
    desk.redis.lpush(Keys.in_progress("reader"), "at work")
    monkeypatch.setattr("time.time", lambda: 4e9)
    InboxReader(desk.raw, desk.commands, desk.dead, desk.door, "ahead")._sign_of_life()
    assert desk.redis.zrange(Keys.readers, 0, -1) == ["ahead", "reader"]
    assert desk.redis.llen(QUEUE_INBOX) == 0
