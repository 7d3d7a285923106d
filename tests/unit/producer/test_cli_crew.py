"""The processes of `up`: the store starts first and stops last; logs go to files where they are wanted."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from common import embedded
from common.errors import Unreachable
from common.supervisor import Child
from producer.cli.crew import Crew, python

PATIENCE_S = 20.0


def child(name: str, story: Path) -> Child:
    """Writes when it begins, and when it is asked to end."""
    script = (
        f'trap "echo {name} ends >> {story}; exit" TERM; echo {name} begins >> {story}; while :; do sleep 0.05; done'
    )
    return Child(name, ["/bin/sh", "-c", script])


def until(told: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not told():
        assert time.monotonic() < end
        threading.Event().wait(0.02)


def test_the_store_starts_first_and_stops_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    story = tmp_path / "story"
    monkeypatch.setattr(embedded, "await_ready", lambda *_: until(lambda: story.exists()))
    crew = Crew([child("role", story)], child("store", story))
    crew.start_store("redis://fake")
    thread = threading.Thread(target=crew.run)
    thread.start()
    until(lambda: "role begins" in story.read_text())
    crew.roles.stop()
    thread.join(PATIENCE_S)
    assert story.read_text().splitlines() == ["store begins", "role begins", "role ends", "store ends"]


def test_a_store_that_does_not_answer_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise Unreachable("it did not start")

    monkeypatch.setattr(embedded, "await_ready", never)
    store = child("store", tmp_path / "story")
    with pytest.raises(Unreachable):
        Crew([], store).start_store("redis://fake")
    assert not store.alive


def test_a_role_that_is_misconfigured_ends_the_crew_with_its_code() -> None:
    role = Child("role", [sys.executable, "-c", "raise SystemExit(3)"])
    assert Crew([role], None).run() == 3


def test_quiet_logs_go_to_a_file_of_the_role(tmp_path: Path) -> None:
    quiet = python("role", ["http.server", "--help"], {}, tmp_path / "logs")
    quiet.start()
    assert quiet.process is not None
    assert quiet.process.wait(PATIENCE_S) == 0
    assert "usage" in (tmp_path / "logs" / "role.log").read_text()
