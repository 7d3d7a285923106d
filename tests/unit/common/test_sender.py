"""What is put on a queue, and when one nudge more is of no use."""

from __future__ import annotations

import base64
import json

import fakeredis
import pytest

from common.keys import QUEUE_PLATFORM
from common.pipeline import rest
from common.sender import Sender, message
from common.settings import Settings
from common.states import JobState

STEPS = rest(JobState.PREPARED)


@pytest.fixture
def redis(monkeypatch: pytest.MonkeyPatch) -> fakeredis.FakeRedis:
    client = fakeredis.FakeRedis(decode_responses=True)
    monkeypatch.setattr("common.sender.connect", lambda url: client)
    return client


@pytest.fixture
def sender(redis: fakeredis.FakeRedis) -> Sender:
    return Sender(Settings(max_backlog=3))


def test_a_message_is_the_chain_that_celery_itself_would_send() -> None:
    from celery import Celery, chain
    from kombu.entity import Queue

    app = Celery("x", broker="memory://", set_as_current=False)
    queue = Queue(QUEUE_PLATFORM)  # type: ignore[no-untyped-call]  # kombu is half typed
    app.conf.update(task_queues=[queue], task_serializer="json")
    with app.connection() as connection, connection.channel() as channel:
        signatures = [app.signature(step.task, args=("ab12",), immutable=True, queue=step.queue) for step in STEPS]
        with app.amqp.Producer(channel) as producer:
            chain(*signatures, app=app).apply_async(producer=producer)
        theirs = channel._get(QUEUE_PLATFORM)
    ours = json.loads(message("ab12", STEPS))
    assert {"lang", "task", "id", "root_id", "retries", "argsrepr", "ignore_result"} <= set(ours["headers"])
    assert set(ours["headers"]) <= set(theirs["headers"])
    assert set(ours) == set(theirs)
    (args, kwargs, embed), (their_args, their_kwargs, their_embed) = (
        json.loads(base64.b64decode(one["body"])) for one in (ours, theirs)
    )
    assert (args, kwargs, set(embed)) == (their_args, their_kwargs, set(their_embed))
    assert [one["task"] for one in embed["chain"]] == [one["task"] for one in their_embed["chain"]]
    assert all(one["immutable"] and one["options"]["queue"] for one in embed["chain"])


def test_a_full_queue_gets_no_more_nudges(sender: Sender, redis: fakeredis.FakeRedis) -> None:
    for _ in range(9):
        sender.wake("ab12", STEPS, standing=2)
    assert redis.llen(QUEUE_PLATFORM) == 3


def test_who_stands_behind_very_many_wakes_nobody(sender: Sender, redis: fakeredis.FakeRedis) -> None:
    sender.wake("ab12", STEPS, standing=4)
    assert redis.llen(QUEUE_PLATFORM) == 0


def test_the_first_to_stand_in_line_always_wakes_somebody(sender: Sender, redis: fakeredis.FakeRedis) -> None:
    for _ in range(5):
        sender.wake("ab12", STEPS, standing=2)
    redis.delete(QUEUE_PLATFORM)  # workers took them, and found nothing to do
    sender.wake("ab12", STEPS, standing=1)
    assert redis.llen(QUEUE_PLATFORM) == 1
