"""From the broker only JSON is taken: a pickle is not opened, whatever it says of itself, and harms nobody."""

from __future__ import annotations

import base64
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.broker import TICK_TASK, make_celery
from common.connection import Client
from common.keys import QUEUE_INBOX, QUEUE_PLATFORM, QUEUE_TICK, Keys
from common.settings import load
from tests.e2e.stack import ROOT, clean_environ, eventually

pytestmark = [pytest.mark.xdist_group("end-to-end-content"), pytest.mark.timeout(90)]

TYPES = ("application/x-python-serialize", "application/json", "application/x-yaml", "application/x-msgpack")


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def envelope(content: bytes, content_type: str, encoding: str, task: str = "hintrelay.upload") -> str:
    return json.dumps(
        {
            "body": base64.b64encode(content).decode(),
            "content-type": content_type,
            "content-encoding": encoding,
            "headers": {"lang": "py", "task": task, "id": "hostile-1", "argsrepr": "()", "kwargsrepr": "{}"},
            "properties": {
                "correlation_id": "hostile-1",
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": QUEUE_PLATFORM},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": "hostile-1",
            },
        }
    )


@pytest.fixture
def worker(valkey: Client, valkey_url: str, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A platform worker; it needs no platform for what it gets here."""
    env = {"HINTRELAY_REDIS_URL": valkey_url, "HINTRELAY_PLATFORM": "sandbox", "HINTRELAY_LOG_FORMAT": "json"}
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "worker", "celery", "platform"],
            cwd=tmp_path,
            stdout=log,
            stderr=log,
            env={**clean_environ(), **env, "PYTHONPATH": str(ROOT)},
        )
        try:
            eventually(lambda: valkey.zcard(Keys.workers), "the worker is ready", 40)
            yield process
        finally:
            process.terminate()
            process.wait(20)


def test_a_pickle_on_a_queue_of_ours_is_not_opened_and_the_worker_goes_on(
    worker: subprocess.Popen[bytes], valkey: Client, valkey_url: str, tmp_path: Path
) -> None:
    mark = tmp_path / "it-went-off"
    bomb = pickle.dumps(([Bomb(mark)], {}, {}))
    for queue in (QUEUE_PLATFORM, QUEUE_TICK):
        for content_type in TYPES:
            for encoding in ("binary", "utf-8"):
                valkey.lpush(queue, envelope(bomb, content_type, encoding))
    given = load({"redis_url": valkey_url, "platform": "sandbox"}, environ={}, folder=tmp_path)
    make_celery(given).send_task(TICK_TASK, queue=QUEUE_TICK)
    eventually(lambda: valkey.exists(Keys.tick), "the good message, behind all of them, is done", 30)
    eventually(lambda: not valkey.llen(QUEUE_PLATFORM) and not valkey.llen(QUEUE_TICK), "all messages are taken", 30)
    eventually(lambda: not valkey.hlen("unacked"), "all messages are settled", 30)
    assert worker.poll() is None
    assert not mark.exists()
    pickle.loads(bomb)  # the bomb is a live one
    assert mark.exists()


def test_a_pickle_on_the_inbox_is_filed_unopened(valkey: Client, valkey_url: str, tmp_path: Path) -> None:
    mark = tmp_path / "it-went-off"
    bomb = pickle.dumps(([], {"job": Bomb(mark)}, {}))
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", "inbox"],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
        env={**clean_environ(), "HINTRELAY_REDIS_URL": valkey_url, "PYTHONPATH": str(ROOT)},
    )
    try:
        valkey.lpush(QUEUE_INBOX, bomb)
        for content_type in TYPES:
            valkey.lpush(QUEUE_INBOX, envelope(bomb, content_type, "binary", "hintrelay.cancel"))
        eventually(lambda: valkey.hlen(Keys.dead) == 1 + len(TYPES), "all letters are filed", 30)
        assert process.poll() is None
        assert not mark.exists()
    finally:
        process.terminate()
        process.wait(20)
