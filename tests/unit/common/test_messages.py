"""What other programs send: good envelopes are opened, all others refused with a reason."""

import base64
import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from kombu.transport.virtual import Channel

from common.errors import InvalidMessage
from common.messages import CONTRACTS, MAX_MESSAGE_BYTES, Cancel, RegisterDeployment, Retry, Submit, open_envelope
from tests.jobs_made import document

GOLDEN = Path(__file__).parent / "golden"
PLAIN: dict[str, Any] = {
    "content-type": "application/json",
    "headers": {"task": "hintrelay.cancel", "id": "m-1"},
    "body": '[[], {"job": "abc123"}, {}]',
}
DEEP = "[" * 600 + "]" * 600


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def changed(**changes: Any) -> bytes:
    """PLAIN with `headers__id=...` set in it; ... (Ellipsis) removes the key."""
    envelope = deepcopy(PLAIN)
    for path, value in changes.items():
        *parents, last = path.split("__")
        here = envelope
        for part in parents:
            here = here.setdefault(part, {})
        if value is ...:
            del here[last]
        else:
            here[last.replace("content_type", "content-type")] = value
    return json.dumps(envelope).encode()


def from_celery(task: str, kwargs: dict[str, Any], **options: Any) -> bytes:
    """The bytes that Celery's own client pushes on a Redis list."""
    app = Celery("other", broker="memory://", set_as_current=False)
    message = app.amqp.as_task_v2("m-1", task, args=(), kwargs=kwargs, origin="me@there", **options)
    with app.connection() as connection:
        channel: Channel = connection.default_channel
        producer = app.amqp.Producer(channel)
        body, content_type, encoding = producer._prepare(message.body, "json", None, None, None, message.headers)
        prepare: Any = channel.prepare_message
        envelope = prepare(body, 0, content_type, encoding, message.headers, message.properties)
    envelope["properties"] |= {"delivery_tag": "t-1", "delivery_info": {"exchange": "", "routing_key": "x"}}
    raw = base64.b64encode(envelope["body"].encode()).decode()
    return json.dumps(
        {**envelope, "body": raw, "properties": {**envelope["properties"], "body_encoding": "base64"}}
    ).encode()


@pytest.mark.parametrize(
    ("task", "kwargs", "message"),
    [
        ("hintrelay.submit", {"spec": document()}, Submit(spec=document())),
        ("hintrelay.submit", {"spec": {}, "key": "nightly", "v": 1}, Submit(spec={}, key="nightly")),
        ("hintrelay.submit", {"spec": {}, "batch": "night"}, Submit(spec={}, batch="night")),
        (
            "hintrelay.register_deployment",
            {"job": "AB12", "name": "acme/m:1"},
            RegisterDeployment(job="AB12", name="acme/m:1"),
        ),
        ("hintrelay.cancel", {"job": "abc"}, Cancel(job="abc")),
        ("hintrelay.retry", {"job": "abc"}, Retry(job="abc")),
    ],
)
def test_what_celerys_own_client_sends_is_opened(task: str, kwargs: dict[str, Any], message: object) -> None:
    envelope = open_envelope(from_celery(task, kwargs))
    assert (envelope.id, envelope.task, envelope.origin) == ("m-1", task, "me@there")
    assert envelope.message == message


@pytest.mark.parametrize("task", sorted(CONTRACTS))
def test_messages_of_the_first_release_can_be_read_for_ever(task: str) -> None:
    raw = (GOLDEN / f"{task.replace('.', '-')}-v1.json").read_bytes()
    envelope = open_envelope(raw)
    assert envelope.task == task
    body = json.loads(base64.b64decode(json.loads(raw)["body"]))
    assert envelope.message == CONTRACTS[task].model_validate(body[1])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"body": '[null, {"job": "abc123"}, null]'},
        {"properties": {"body_encoding": "base64"}, "body": b64('[[], {"job": "abc123"}, {}]')},
        {"headers__expires": "2999-01-01T00:00:00"},
        {"headers__expires": "2999-01-01T00:00:00+02:00"},
        {"headers__eta": None, "headers__expires": None, "headers__timelimit": [None, None], "headers__origin": 3},
        {"body": '[[], {"job": "abc123"}, {"callbacks": null, "chain": [], "chord": null}]'},
    ],
)
def test_the_least_that_any_client_sends_is_enough(changes: dict[str, Any]) -> None:
    assert open_envelope(changed(**changes)).message == Cancel(job="abc123")


BAD: list[tuple[bytes, str]] = [
    (b"", "the envelope is not JSON in UTF-8"),
    (b"hello", "the envelope is not JSON in UTF-8"),
    (b"\xff\xfe", "the envelope is not JSON in UTF-8"),
    (b"\xef\xbb\xbf{}", "the envelope is not JSON in UTF-8"),
    (b"[" * 100_000, "the envelope is nested too deeply"),
    (b"9" * 5000, "the envelope is not JSON in UTF-8"),
    (b"x" * (MAX_MESSAGE_BYTES + 1), f"the message has {MAX_MESSAGE_BYTES + 1} bytes; at most {MAX_MESSAGE_BYTES}"),
    (b"null", "the envelope must be an object, not None"),
    (b"[1]", "the envelope must be an object, not [1]"),
    (DEEP.encode(), "the envelope must be an object, not [[[[...]]]]"),
    (b'"text"', "the envelope must be an object, not 'text'"),
    (b"{}", "headers must be an object, not None"),
    (changed(headers=[]), "headers must be an object, not []"),
    (changed(headers=None), "headers must be an object, not None"),
    (json.dumps({k: v for k, v in PLAIN.items() if k != "content-type"}).encode(), "content-type must be application/"),
    (changed(content_type="application/x-python-serialize"), "content-type must be application/json, not 'appl"),
    (changed(content_type="application/x-yaml"), "content-type must be application/json"),
    (changed(content_type=7), "content-type must be application/json, not 7"),
    (changed(headers__id=...), "headers.id must be a text of 1 to 200 characters"),
    (changed(headers__id=5), "headers.id must be a text of 1 to 200 characters"),
    (changed(headers__id=""), "headers.id must be a text of 1 to 200 characters"),
    (changed(headers__id="x" * 201), "headers.id must be a text of 1 to 200 characters"),
    (changed(headers__task=...), "there is no task None; known are hintrelay.submit"),
    (changed(headers__task="hintrelay.prepare"), "there is no task 'hintrelay.prepare'"),
    (changed(headers__task="os.system"), "there is no task 'os.system'"),
    (changed(headers__task=json.loads(DEEP)), "there is no task [[[[...]]]]"),
    (changed(headers__eta="2999-01-01T00:00:00"), "the inbox knows no eta or countdown"),
    (changed(headers__expires="2001-01-01T00:00:00"), "the message expired at 2001-01-01T00:00:00"),
    (changed(headers__expires="0001-01-01T00:00:00+23:59"), "the message expired at"),
    (changed(headers__expires="soon"), "headers.expires is not a time in ISO 8601: 'soon'"),
    (changed(headers__expires=1), "headers.expires is not a time in ISO 8601: 1"),
    (changed(headers__expires=[1]), "headers.expires is not a time in ISO 8601: [1]"),
    (changed(body=...), "body must be a text"),
    (changed(body=[[], {}, {}]), "body must be a text"),
    (changed(body=""), "the body is not JSON in UTF-8"),
    (changed(body="\ud800"), "the body is not JSON in UTF-8"),
    (changed(body="{"), "the body is not JSON in UTF-8"),
    (changed(body="[" * 100_000), "the body is nested too deeply"),
    (changed(body="3"), "the body must be [args, kwargs, embed]"),
    (changed(body="[[], {}]"), "the body must be [args, kwargs, embed]"),
    (changed(body="[[], {}, {}, 1]"), "the body must be [args, kwargs, embed]"),
    (changed(body='{"args": [], "kwargs": {}}'), "the body must be [args, kwargs, embed]"),
    (changed(body='[["abc"], {}, {}]'), "hintrelay.cancel takes keyword arguments only; args must be []"),
    (changed(body="[[], [], {}]"), "kwargs must be an object"),
    (changed(body='[[], {"job": "a"}, [1]]'), "embed must be an object, not [1]"),
    (changed(body='[[], {"job": "a"}, {"chain": [{}]}]'), "the inbox runs no 'chain': send one message for each wish"),
    (changed(body='[[], {"job": "a"}, {"a\\nb": 1}]'), r"the inbox runs no 'a\nb': send"),
    (changed(properties=[]), "properties must be an object, not []"),
    (changed(properties={"body_encoding": "hex"}), "properties.body_encoding must be base64 or absent, not 'hex'"),
    (changed(properties={"body_encoding": "base64"}, body="%%%"), "body is not base64"),
    (changed(properties={"body_encoding": "base64"}, body="ä"), "body is not base64"),
    (changed(properties={"body_encoding": "base64"}, body=b64("{")), "the body is not JSON in UTF-8"),
    (changed(body="[[], {}, {}]"), "hintrelay.cancel: job: is missing"),
    (changed(body='[[], {"job": "xyz"}, {}]'), "hintrelay.cancel: job: should match pattern"),
    (changed(body='[[], {"job": 5}, {}]'), "hintrelay.cancel: job: should be a valid string, not 5"),
    (changed(body='[[], {"job": "a\\n"}, {}]'), "hintrelay.cancel: job: should match pattern"),
    (changed(body='[[], {"job": "a", "jobs": 1}, {}]'), "hintrelay.cancel: jobs: unknown key (did you mean job?)"),
    (changed(body='[[], {"job": "a", "v": 2}, {}]'), "hintrelay.cancel: v: should be 1, not 2"),
    (changed(body='[[], {"job": "a", "v": true}, {}]'), "hintrelay.cancel: v: should be 1, not True"),
    (
        changed(headers__task="hintrelay.register_deployment", body='[[], {"job": "a", "name": "-x"}, {}]'),
        "hintrelay.register_deployment: name: a deployment name is 1 to 200 of letters",
    ),
    (changed(headers__task="hintrelay.submit"), "hintrelay.submit: job: unknown key"),
    (
        changed(headers__task="hintrelay.submit", body='[[], {"spec": "x"}, {}]'),
        "hintrelay.submit: spec: should be a mapping of keys to values, not 'x'",
    ),
    (
        changed(headers__task="hintrelay.submit", body='[[], {"spec": {}, "key": ""}, {}]'),
        "hintrelay.submit: key: a key is 1 to 200 printable characters",
    ),
]


@pytest.mark.parametrize(("raw", "reason"), BAD, ids=[f"{n:02}" for n in range(len(BAD))])
def test_a_bad_message_is_refused_with_its_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        open_envelope(raw)
    assert caught.value.message.startswith(reason)
    assert len(caught.value.message) < 500
    assert caught.value.message.isprintable()


def test_the_table_of_bad_messages_stays_long() -> None:
    assert len(BAD) >= 40
