"""The command line over a job store in memory: `run` is a shell, `tools` what it works with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fakeredis
import pytest
import yaml
from click.testing import CliRunner, Result

from common.commands import Commands
from common.connection import Client
from common.eventlog import EventLog
from common.settings import load
from common.store import Store
from producer.cli.context import Tools
from producer.cli.root import cli
from producer.client import Producer
from tests.jobs_made import RecordingNudger

Run = Callable[..., Result]


class CountingRedis(fakeredis.FakeRedis):
    """Counts round trips: a command is one, a pipeline is one."""

    trips = 0

    def execute_command(self, *args: Any, **options: Any) -> Any:
        self.trips += 1
        return super().execute_command(*args, **options)  # type: ignore[no-untyped-call]  # redis-py leaves it so

    def pipeline(self, *args: Any, **options: Any) -> Any:
        pipe = super().pipeline(*args, **options)
        execute = pipe.execute

        def counted(*more: Any, **others: Any) -> Any:
            self.trips += 1
            return execute(*more, **others)

        pipe.execute = counted  # type: ignore[method-assign]  # it is what counts
        return pipe


class Time:
    """Seconds that only `sleep` moves; each sleep does the next thing on the list."""

    def __init__(self) -> None:
        self.now = 0.0
        self.then: list[Callable[[], object]] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.then:
            self.then.pop(0)()


@pytest.fixture
def redis() -> Client:
    client: Client = CountingRedis(decode_responses=True)
    return client


@pytest.fixture
def job_store(redis: Client) -> Store:
    return Store(redis, url="redis://fake", actor="tester")


@pytest.fixture
def nudger() -> RecordingNudger:
    return RecordingNudger()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def tools(tmp_path: Path, redis: Client, job_store: Store, nudger: RecordingNudger, time: Time) -> Tools:
    made = Tools()
    made.settings = load(environ={"HINTRELAY_HOME": str(tmp_path / "home")}, folder=tmp_path)
    made.producer = Producer(job_store, Commands(job_store, nudger), EventLog(redis), made.settings)
    made.broker = redis
    made.clock, made.sleep = time, time.sleep
    return made


@pytest.fixture
def run(tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("ls", "-o", "json")` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")

    def type_it(*args: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(cli, list(args), obj=tools, input=stdin)

    return type_it


def loaded(result: Result) -> Any:
    """stdout as JSON, where the command succeeded."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def error_of(result: Result) -> dict[str, Any]:
    """The error in JSON on stdout."""
    error: dict[str, Any] = json.loads(result.stdout)["error"]
    assert set(error) == {"code", "message", "hint"}
    return error


def instance(question: str, answer: str = "Ulm", hints: tuple[str, ...] = ("a city on the Danube",)) -> dict[str, Any]:
    return {
        "question": {"question": question},
        "answers": [{"answer": answer}] if answer else [],
        "hints": [{"hint": hint} for hint in hints],
    }


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A HintEval JSON file: three rows to train on, one of them without hints, and two questions."""
    train = {"a": instance("Where?"), "b": instance("Who?"), "c": instance("Why?", hints=())}
    test = {"d": instance("When?"), "e": instance("What?")}
    subsets = {"train": {"instances": train}, "test": {"instances": test}}
    file = tmp_path / "hints.json"
    file.write_text(json.dumps({"subsets": subsets}))
    return file


@pytest.fixture
def spec_file(tmp_path: Path, data: Path) -> Path:
    """A spec with a matrix of two learning rates."""
    spec = {
        "version": 1,
        "name": "sweep-{finetune.learning_rate}",
        "dataset": {"source": data.name},
        "finetune": {"model": "acme/base", "suffix": "sweep"},
        "matrix": {"finetune.learning_rate": [1e-5, 5e-5]},
    }
    file = tmp_path / "sweep.yaml"
    file.write_text(yaml.safe_dump(spec))
    return file
