"""The whole pipeline, each role as the user that docs/security.md gives it, messages signed; and what none may."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import AuthenticationError, NoPermissionError

from common.connection import connect
from common.keys import QUEUE_HINTS, QUEUE_INBOX, QUEUE_PLATFORM, QUEUE_TICK, Keys
from common.signing import sign
from tests.e2e.stack import KEY, SAMPLE, Stack, clean_environ, eventually
from tests.e2e.users import make_users, password, url_of

pytestmark = [pytest.mark.xdist_group("end-to-end-acl"), pytest.mark.timeout(180)]

MESSAGE_KEY = "canary-message-key-77aa"
SEND = (
    "import json, sys; from celery import Celery; Celery(broker=sys.argv[1]).send_task("
    "sys.argv[2], kwargs=json.loads(sys.argv[3]), queue='hintrelay.inbox')"
)


def spec(name: str, **more: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "name": name,
        "dataset": {"source": str(SAMPLE), "test_limit": 3},
        "finetune": {"model": "meta-llama/Meta-Llama-3-8B-Instruct", "suffix": "acl"},
        "generate": {"num_of_hints": 2},
        "evaluate": {"metrics": ["rouge1"]},
        **more,
    }


class Guarded:
    """A stack whose default user is off."""

    def __init__(self, folder: Path) -> None:
        self.stack = Stack(
            folder,
            HINTRELAY_LEASE_SECONDS="3",
            HINTRELAY_NUDGE_SECONDS="2",
            HINTRELAY_LOOK_SECONDS="5",
            HINTRELAY_TICK_SECONDS="0.4",
        )
        self.port = self.stack.port
        self.admin = make_users(self.port)
        self.stack.env["HINTRELAY_REDIS_URL"] = self.url("hintrelay-producer")
        self.stack.start_sandbox("--train-seconds", "2", "--validate-seconds", "0.2")
        self.start_worker()
        self.stack.start("beat", env={"HINTRELAY_REDIS_URL": self.url("hintrelay-beat")})
        keys = f"{MESSAGE_KEY},old-{MESSAGE_KEY}"
        self.stack.start(
            "inbox", env={"HINTRELAY_REDIS_URL": self.url("hintrelay-inbox"), "HINTRELAY_MESSAGE_KEY": keys}
        )

    def start_worker(self, **env: str) -> None:
        worker = [sys.executable, "-m", "tests.e2e.chaos.worker", "platform,hints"]
        self.stack.spawn("worker", worker, {"HINTRELAY_REDIS_URL": self.url("hintrelay-worker"), **env})

    def url(self, user: str) -> str:
        return url_of(user, self.port)

    def send(self, task: str, **kwargs: Any) -> None:
        """As a program with only Celery."""
        given = json.dumps(sign(task, kwargs, MESSAGE_KEY))
        command = [sys.executable, "-I", "-c", SEND, self.url("sender-celery"), task, given]
        subprocess.run(command, check=True, timeout=30, env=clean_environ())

    def push(self, task: str, **kwargs: Any) -> None:
        """As a program that writes the envelope itself."""
        body = json.dumps([[], sign(task, kwargs, f"old-{MESSAGE_KEY}"), {}])
        envelope = {"content-type": "application/json", "headers": {"id": f"push-{task}", "task": task}, "body": body}
        connect(self.url("sender-lpush")).lpush(QUEUE_INBOX, json.dumps(envelope))

    def denials(self) -> list[dict[str, Any]]:
        return [
            {"user": entry["username"], "what": entry["reason"], "of": entry["object"], "in": entry["context"]}
            for entry in self.admin.acl_log()
        ]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    guarded: Guarded | None = None
    try:
        guarded = Guarded(tmp_path_factory.mktemp("acl"))
        yield guarded
    finally:
        if guarded is not None:
            guarded.stack.stop()


def test_every_role_does_its_work_with_the_rights_of_the_page_and_nothing_is_denied(guarded: Guarded) -> None:
    stack = guarded.stack
    guarded.send("hintrelay.submit", spec=spec("by-message"), key="night-1")
    listener = connect(guarded.url("listener"))
    known = eventually(lambda: listener.hget(Keys.idempotency, "night-1"), f"the job is stored {stack.tail()}", 30)
    by_message = known.split()[0]
    guarded.push("hintrelay.register_deployment", job=by_message, name="acme/by-message")
    path = stack.folder / "spec.json"
    path.write_text(json.dumps(spec("by-command")))
    by_command = stack.json("submit", str(path), "--key", "night-2")[0]["job"]
    stack.until(by_command, {"trained"})
    assert stack.cli("deploy", by_command, "acme/by-command").returncode == 0
    done = stack.cli("wait", by_message, by_command, "--timeout", "60s")
    assert done.returncode == 0, done.stdout + done.stderr + stack.tail()
    for words in (("ls",), ("show", by_message), ("events", by_command), ("pending",), ("watch", by_command)):
        assert stack.cli(*words).returncode == 0, words
    assert stack.cli("results", by_message, "--output", str(stack.folder / "hints.json")).returncode == 0
    assert any(entry[1]["to"] == "succeeded" for entry in listener.xrange(Keys.events))
    assert guarded.denials() == []


def test_cancel_retry_and_dead_letters_work_under_the_rules_too(guarded: Guarded) -> None:
    stack = guarded.stack
    path = stack.folder / "stopped.json"
    path.write_text(json.dumps(spec("stopped", dataset={"source": "s3://nowhere/x.json"}, limits={"max_attempts": 1})))
    job = stack.json("submit", str(path))[0]["job"]
    stack.until(job, {"failed"})
    assert stack.cli("retry", job).returncode == 0
    stack.until(job, {"failed"})
    other = stack.json("submit", str(path), "--key", "again", "--set", "limits.deadline=1h")[0]["job"]
    stack.until(other, {"failed"})
    assert stack.cli("retry", other).returncode == 0
    stack.cli("cancel", other)
    connect(guarded.url("sender-lpush")).lpush(QUEUE_INBOX, "not json")
    (letter,) = eventually(lambda: stack.json("dead", "ls"), "the letter is filed", 20)
    assert stack.cli("dead", "show", letter["id"]).returncode == 0
    assert stack.cli("dead", "redrive", letter["id"]).returncode == 0
    eventually(lambda: [one for one in stack.json("dead", "ls") if one["id"] != letter["id"]], "it is filed anew", 20)
    assert guarded.denials() == []


def test_an_unsigned_and_a_replayed_message_are_refused_by_the_running_reader(guarded: Guarded) -> None:
    task, kwargs = "hintrelay.cancel", sign("hintrelay.cancel", {"job": "ffffffff"}, MESSAGE_KEY)
    client = connect(guarded.url("sender-lpush"))
    for number, given in enumerate(({"job": "ffffffff"}, kwargs, kwargs)):
        headers = {"id": f"refused-{number}", "task": task}
        envelope = {"content-type": "application/json", "headers": headers, "body": json.dumps([[], given, {}])}
        client.lpush(QUEUE_INBOX, json.dumps(envelope))

    def reasons() -> list[str]:
        return [one["reason"] for one in guarded.stack.json("dead", "ls") if "refused-" in one["body"]]

    found = eventually(lambda: reasons() if len(reasons()) == 3 else None, "three letters", 20)
    assert found[0].startswith("only signed messages are accepted here")
    assert found[1] == "there is no job ffffffff"
    assert found[2].startswith("the message is a replay")


FORBIDDEN: list[tuple[str, tuple[str, ...]]] = [
    ("sender-celery", ("HGETALL", "hintrelay:job:00000000")),
    ("sender-celery", ("LRANGE", QUEUE_INBOX, "0", "-1")),
    ("sender-celery", ("RPOP", QUEUE_INBOX)),
    ("sender-celery", ("LPUSH", QUEUE_PLATFORM, "x")),
    ("sender-celery", ("SADD", "_kombu.binding.hintrelay.platform", "x")),
    ("sender-lpush", ("LPUSH", QUEUE_TICK, "x")),
    ("sender-lpush", ("LLEN", QUEUE_INBOX)),
    ("sender-lpush", ("XREAD", "STREAMS", Keys.events, "0")),
    ("sender-lpush", ("SET", Keys.nonce("a" * 16), "x")),
    ("listener", ("HGETALL", "hintrelay:job:00000000")),
    ("listener", ("HGETALL", Keys.idempotency)),
    ("listener", ("XADD", Keys.events, "*", "job", "x")),
    ("hintrelay-beat", ("LPUSH", QUEUE_PLATFORM, "x")),
    ("hintrelay-beat", ("SET", Keys.tick, "x")),
    ("hintrelay-beat", ("HGETALL", "hintrelay:job:00000000")),
    ("hintrelay-producer", ("RPOP", QUEUE_PLATFORM)),
    ("hintrelay-producer", ("SET", Keys.tick, "x")),
    ("hintrelay-producer", ("DEL", "hintrelay:job:00000000")),
    ("hintrelay-producer", ("SET", Keys.nonce("a" * 16), "x")),
    ("hintrelay-producer", ("HSET", Keys.pieces("00000000"), "x", "y")),
    ("hintrelay-inbox", ("RPOP", QUEUE_HINTS)),
    ("hintrelay-inbox", ("HGETALL", Keys.pieces("00000000"))),
    ("hintrelay-inbox", ("DEL", "hintrelay:job:00000000")),
    ("hintrelay-worker", ("LRANGE", QUEUE_INBOX, "0", "-1")),
    ("hintrelay-worker", ("BRPOP", QUEUE_INBOX, "1")),
    ("hintrelay-worker", ("HGETALL", Keys.dead)),
    ("hintrelay-worker", ("SPOP", Keys.ids("000"))),
    ("hintrelay-worker", ("PUBLISH", "other", "x")),
]
USERS = ("hintrelay-producer", "hintrelay-worker", "hintrelay-beat", "hintrelay-inbox", "sender-celery", "sender-lpush")
NEVER = [
    ("FLUSHALL",),
    ("KEYS", "*"),
    ("CONFIG", "GET", "*"),
    ("ACL", "LIST"),
    ("MONITOR",),
    ("CLIENT", "LIST"),
    ("SAVE",),
]


@pytest.mark.parametrize(
    ("user", "command"), FORBIDDEN, ids=lambda value: value if isinstance(value, str) else value[0]
)
def test_what_a_role_does_not_need_it_cannot_do(guarded: Guarded, user: str, command: tuple[str, ...]) -> None:
    with pytest.raises(NoPermissionError):
        connect(guarded.url(user)).execute_command(*command)


@pytest.mark.parametrize("user", [*USERS, "listener"])
def test_no_role_may_administer_the_server(guarded: Guarded, user: str) -> None:
    client = connect(guarded.url(user))
    for command in NEVER:
        with pytest.raises(NoPermissionError):
            client.execute_command(*command)


def test_without_a_password_nothing_can_be_done(guarded: Guarded) -> None:
    with pytest.raises(AuthenticationError):
        connect(f"redis://127.0.0.1:{guarded.port}/0").ping()


def test_a_command_that_the_user_may_not_give_is_told_in_one_sentence(guarded: Guarded) -> None:
    done = guarded.stack.cli("ls", env={"HINTRELAY_REDIS_URL": guarded.url("sender-lpush")})
    assert done.returncode == 3
    assert "does not allow this user to do that" in done.stderr
    assert "docs/security.md" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_job_expires_under_the_rules_too_and_is_not_found_any_more(guarded: Guarded) -> None:
    stack = guarded.stack
    guarded.admin.acl_log_reset()
    path = stack.folder / "short.json"
    path.write_text(json.dumps(spec("short", dataset={"source": "s3://nowhere/x.json"}, limits={"max_attempts": 1})))
    job = stack.json("submit", str(path), "--key", "short-1")[0]["job"]
    stack.until(job, {"failed"})
    stack.kill("worker", signal.SIGTERM)
    guarded.start_worker(HINTRELAY_KEEP_DAYS="0.00001")
    eventually(lambda: stack.cli("show", job).returncode == 6, "it is forgotten", 30)
    assert stack.cli("cost").returncode == 0
    assert guarded.denials() == []


def test_roles_that_stop_are_denied_nothing_either(guarded: Guarded) -> None:
    """kombu puts messages back that it has taken and not given to a task."""
    guarded.admin.acl_log_reset()
    path = guarded.stack.folder / "left.json"
    path.write_text(json.dumps(spec("left", matrix={"finetune.random_seed": list(range(30))})))
    guarded.stack.json("submit", str(path))
    for name in ("worker", "beat", "inbox"):
        guarded.stack.kill(name, signal.SIGTERM)
    assert guarded.denials() == []


def test_no_password_and_no_key_stands_in_a_log_file_artifact_or_redis_value(guarded: Guarded) -> None:
    canaries = [KEY, MESSAGE_KEY, *(password(user) for user in (*USERS, "listener", "admin"))]
    refused = guarded.stack.cli("ls", env={"HINTRELAY_REDIS_URL": guarded.url("nobody")})
    assert refused.returncode == 3
    assert password("nobody") not in refused.stdout + refused.stderr
    values = repr([_read(guarded.admin, name) for name in guarded.admin.scan_iter("*")])
    for canary in canaries:
        assert canary not in values
        for path in guarded.stack.folder.rglob("*"):
            if path.is_file():
                assert canary.encode() not in path.read_bytes(), (path, canary)


def _read(client: Any, name: str) -> object:
    kind = client.type(name)
    if kind == "zset":
        return client.zrange(name, 0, -1)
    return {"hash": client.hgetall, "string": client.get, "stream": client.xrange, "set": client.smembers}.get(
        kind, lambda key: client.lrange(key, 0, -1)
    )(name)
