"""The examples of docs/messages.md that sign messages, run as they stand; the inbox reader does what they send."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from common.commands import Commands
from common.connection import Client, connect
from common.dead import DeadLetters
from common.keys import QUEUE_INBOX
from common.store import Store
from tests.jobs_made import RecordingNudger, document
from worker.doorkeeper import Doorkeeper
from worker.inbox import InboxReader

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "messages.md").read_text("utf-8")
KEY = "käy-of-some-length-日本"
TASK = "hintrelay.submit"
#: numbers and texts that languages write in different ways
SPEC = document(
    name="ñandú € 日本 😀", finetune={"model": "m", "learning_rate": 1e-5, "n_epochs": 3, "warmup_ratio": 0.0}
)


def example(language: str) -> str:
    (text,) = re.findall(rf"<!-- signed, {language}:.*?```\w+\n(.*?)```", PAGE, re.DOTALL)
    return str(text)


def run(command: list[str], code: str, folder: Path, name: str) -> bytes:
    """What the program prints: the envelope."""
    path = folder / name
    path.write_text(code, "utf-8")
    done = subprocess.run(
        [*command, str(path)],
        capture_output=True,
        timeout=30,
        check=False,
        env={**os.environ, "HINTRELAY_MESSAGE_KEY": KEY, "PYTHONUTF8": "1"},
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def by_python(folder: Path) -> bytes:
    kwargs = {"spec": SPEC, "key": "night-1"}
    code = (
        f"{example('python')}\n"
        f"body = json.dumps([[], signed({TASK!r}, {kwargs!r}), {{}}])\n"
        f"headers = {{'id': 'm-1', 'task': {TASK!r}}}\n"
        "print(json.dumps({'content-type': 'application/json', 'headers': headers, 'body': body}))\n"
    )
    return run([sys.executable, "-I"], code, folder, "send.py")


def by_javascript(folder: Path) -> bytes:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    kwargs = json.dumps({"spec": SPEC, "key": "night-1"})
    code = (
        f"{example('javascript')}\n"
        f"const body = JSON.stringify([[], signed({json.dumps(TASK)}, {kwargs}), {{}}]);\n"
        f"const headers = {{ id: randomUUID(), task: {json.dumps(TASK)} }};\n"
        'console.log(JSON.stringify({ "content-type": "application/json", headers, body }));\n'
    )
    return run([node], code, folder, "send.mjs")


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_what_the_example_signs_makes_a_job(
    language: str, valkey: Client, valkey_url: str, valkey_store: Store, tmp_path: Path
) -> None:
    sent = by_python(tmp_path) if language == "python" else by_javascript(tmp_path)
    valkey.lpush(QUEUE_INBOX, sent.strip())
    raw, dead = connect(valkey_url, decode=False), DeadLetters(valkey)
    door = Doorkeeper(raw, [KEY], age_s=300)
    reader = InboxReader(raw, Commands(valkey_store, RecordingNudger()), dead, door, "reader")
    assert reader.read_one()
    assert [letter.reason for letter in dead.all()] == []
    (job_id,) = valkey_store.ids()
    job = valkey_store.get(job_id)
    assert job.name == SPEC["name"]
    assert job.spec.finetune.learning_rate == 1e-5


def test_the_examples_are_short_enough_to_copy() -> None:
    for language in ("python", "javascript"):
        assert len(example(language).splitlines()) <= 15
