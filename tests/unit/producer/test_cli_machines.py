"""up, the roles, doctor, dead letters, schemas, and the demo's own parts."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from click.testing import CliRunner

from common.connection import Client
from common.dead import KEPT_BYTES
from common.keys import QUEUE_INBOX
from common.settings import load
from common.states import JobState
from common.store import Store
from producer.cli.checks import Finding, machine, platform, store
from producer.cli.context import Tools
from producer.cli.crew import FATAL, roles
from producer.cli.demo.report import save_results, score_table, write_report
from producer.cli.doctor import exit_code
from producer.cli.root import cli
from producer.cli.specs import read_specs
from tests.jobs_made import in_state
from tests.unit.producer.conftest import Run, error_of, loaded

SAMPLE = Path(__file__).parents[3] / "producer" / "sample"


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    became: list[list[str]] = []

    def execv(path: str, argv: list[str]) -> None:
        assert path == sys.executable
        became.append(argv[1:])
        raise SystemExit(0)

    monkeypatch.setattr(os, "execv", execv)
    saved = dict(os.environ)
    yield became
    os.environ.clear()
    os.environ.update(saved)


@pytest.mark.parametrize(
    ("typed", "becomes"),
    [
        (["worker"], ["-m", "worker", "serve"]),
        (
            ["worker", "--queues", "platform,hints", "--concurrency", "3"],
            ["-m", "worker", "serve", "--queues", "platform,hints", "--concurrency", "3"],
        ),
        (["inbox"], ["-m", "worker", "inbox"]),
        (["beat"], ["-m", "worker", "beat"]),
        (["sandbox", "--port", "0", "--help"], ["-m", "sandbox", "--port", "0", "--help"]),
    ],
)
def test_a_role_becomes_its_process(run: Run, become: list[list[str]], typed: list[str], becomes: list[str]) -> None:
    assert run(*typed).exit_code == 0
    assert become == [becomes]


def test_flags_reach_the_role_as_environment(become: list[list[str]], tmp_path: Path) -> None:
    CliRunner().invoke(cli, ["--redis-url", "redis://there:1/0", "--home", str(tmp_path), "beat"])
    assert os.environ["HINTRELAY_REDIS_URL"] == "redis://there:1/0"
    assert os.environ["HINTRELAY_HOME"] == str(tmp_path)


def test_a_queue_that_is_none_is_a_usage_error(run: Run, become: list[list[str]]) -> None:
    assert run("worker", "--queues", "gpu").exit_code == 2
    assert become == []


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings from outside."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("HINTRELAY_", "TOGETHER_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HINTRELAY_HOME", str(tmp_path / "home"))


@pytest.mark.usefixtures("bare")
def test_up_without_a_key_exits_3_before_anything_starts(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["up"])
    assert result.exit_code == 3
    assert "hintrelay up --sandbox" in result.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.usefixtures("bare")
def test_up_with_a_redis_that_is_away_exits_8() -> None:
    result = CliRunner().invoke(cli, ["--redis-url", "redis://127.0.0.1:1/0", "up", "--sandbox"])
    assert result.exit_code == 8
    assert "redis://127.0.0.1:1/0" in result.stderr


@pytest.mark.usefixtures("bare")
def test_the_sandboxs_options_need_the_sandbox() -> None:
    assert CliRunner().invoke(cli, ["up", "--port", "9000"]).exit_code == 2


def test_the_crew_is_four_roles_and_three_without_hinteval(tmp_path: Path) -> None:
    crew = roles({}, logs=tmp_path)
    assert [child.name for child in crew] == ["platform", "hints", "inbox", "beat"]
    assert str(tmp_path / "beat.log") in crew[-1].argv
    assert [child.name for child in roles({}, logs=None, with_hints=False)] == ["platform", "inbox", "beat"]
    assert {2, 3} == FATAL


def test_the_worst_finding_gives_the_doctors_exit_code() -> None:
    fine, warned = Finding("a", "ok", ""), Finding("b", "warn", "", "mend it")
    away, fault = Finding("c", "unreachable", ""), Finding("d", "fault", "")
    assert exit_code([fine, warned]) == 0
    assert exit_code([fine, away]) == 8
    assert exit_code([away, fault]) == 3


@pytest.mark.usefixtures("bare")
def test_the_doctor_tells_of_a_redis_and_a_sandbox_that_are_away() -> None:
    environ = {"HINTRELAY_PLATFORM": "sandbox", "HINTRELAY_SANDBOX_URL": "http://127.0.0.1:1"}
    result = CliRunner().invoke(cli, ["--redis-url", "redis://127.0.0.1:1/0", "doctor", "-o", "json"], env=environ)
    assert result.exit_code == 8
    found = {one["check"]: one for one in json.loads(result.stdout)}
    assert found["redis"]["status"] == found["platform"]["status"] == "unreachable"
    assert "hintrelay up --sandbox" in found["platform"]["mend"]
    assert found["artifacts"]["status"] == found["home"]["status"] == "ok"


@pytest.mark.usefixtures("bare")
def test_the_doctor_tells_of_bad_settings() -> None:
    result = CliRunner().invoke(cli, ["doctor", "-o", "json"], env={"HINTRELAY_TICK_SECONDS": "never"})
    assert result.exit_code == 3
    assert "HINTRELAY_TICK_SECONDS" in json.loads(result.stdout)[-1]["message"]


@pytest.mark.parametrize(
    ("status", "verdict"), [(200, "ok"), (401, "fault"), (404, "fault"), (429, "unreachable"), (503, "unreachable")]
)
def test_the_platforms_answer_is_judged(monkeypatch: pytest.MonkeyPatch, status: int, verdict: str) -> None:
    monkeypatch.setattr(httpx, "get", lambda *_, **__: httpx.Response(status))
    settings = load(environ={"TOGETHER_API_KEY": "k", "HINTRELAY_HOME": "/tmp"}, folder=Path("/"))
    assert platform.finding(settings).status == verdict


def test_a_missing_key_is_a_fault() -> None:
    settings = load(environ={"HINTRELAY_HOME": "/tmp"}, folder=Path("/"))
    assert platform.finding(settings).status == "fault"


def test_a_home_that_cannot_be_written_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = load(environ={"HINTRELAY_HOME": str(tmp_path / "file" / "home")}, folder=tmp_path)
    assert machine.home(settings).status == "fault"
    assert machine.artifacts(settings).status == "fault"


def test_what_redis_says_of_itself_is_judged(tools: Tools) -> None:
    settings = tools.settings
    info: dict[str, Any] = {
        "redis_version": "6.2.1",
        "maxmemory_policy": "allkeys-lru",
        "maxmemory": 1,
        "aof_enabled": 0,
    }
    assert store._version(settings, info).status == "fault"
    assert store._version(settings, {"redis_version": "7.2.4", "valkey_version": "9.1"}).status == "ok"
    assert store._eviction(info).status == "fault"
    assert store._eviction({**info, "maxmemory": 0}).status == "warn"
    assert store._durability(info).status == "warn"
    assert store._clock(-9.0).status == "warn"
    assert store._readers(0, 3).status == "warn"


def test_a_dead_letter_goes_back_to_the_inbox_as_it_came(run: Run, tools: Tools, redis: Client) -> None:
    letter = tools.dead.file(b'{"odd": "\xff"}', "not UTF-8")
    assert loaded(run("dead", "ls", "-o", "json"))[0]["reason"] == "not UTF-8"
    assert letter in run("dead", "ls").stdout
    assert loaded(run("dead", "show", letter, "-o", "json"))["body"] == '{"odd": "\\xff"}'
    assert "not UTF-8" in run("dead", "show", letter).stdout
    assert loaded(run("dead", "redrive", letter, "-o", "json")) == [{"id": letter, "redriven": True}]
    assert tools.dead.all() == []
    assert redis.llen(QUEUE_INBOX) == 1


def test_a_letter_that_was_cut_cannot_be_redriven(run: Run, tools: Tools, redis: Client) -> None:
    whole, cut = tools.dead.file(b"{}", "why"), tools.dead.file(b"x" * (KEPT_BYTES + 1), "too long")
    result = run("dead", "redrive", whole, cut, "-o", "json")
    assert (result.exit_code, error_of(result)["code"]) == (7, "letter_cut")
    assert "65537 bytes" in error_of(result)["message"]
    assert (len(tools.dead.all()), redis.llen(QUEUE_INBOX)) == (2, 0)


def test_a_letter_that_is_not_there_exits_6(run: Run) -> None:
    assert run("dead", "show", "ffff").exit_code == 6
    assert "no dead letters" in run("dead", "ls").stderr


def test_the_schemas_are_json_and_name_what_they_describe(run: Run) -> None:
    job = loaded(run("schema", "job"))
    assert {"dataset", "finetune", "matrix"} <= set(job["properties"])
    assert job["additionalProperties"] is False
    messages = loaded(run("schema", "message"))
    assert set(messages["hintrelay.register_deployment"]["required"]) == {"job", "name"}
    assert len(messages) == 4
    event = loaded(run("schema", "event"))
    assert "model_trained" in event["properties"]["type"]["enum"]
    assert run("schema", "event", "-o", "jsonl").stdout.count("\n") == 1
    assert run("schema", "dream").exit_code == 2


def test_every_event_has_the_keys_that_its_schema_wants(run: Run, job_store: Store) -> None:
    schema = loaded(run("schema", "event"))
    (event, *_) = loaded(run("events", in_state(job_store, JobState.PREPARED), "-o", "json"))
    assert sorted(event) == sorted(schema["required"])
    assert event["type"] in schema["properties"]["type"]["enum"]


def test_the_sample_sweep_is_three_jobs_over_the_sample_data() -> None:
    specs = read_specs([str(SAMPLE / "sweep.yaml")], [])
    assert len({spec.finetune.learning_rate for spec in specs}) == 3
    assert {(spec.dataset.test_limit, spec.generate.num_of_hints) for spec in specs} == {(10, 2)}
    assert {Path(spec.dataset.source).name for spec in specs} == {"hints-60.json"}


def test_the_demos_report_has_scores_results_history_and_specs(tools: Tools, job_store: Store, tmp_path: Path) -> None:
    pointer = tools.artifacts.put(b'{"subsets": {}}').dump()
    scores = {"rouge1": {"mean": 0.5, "n": 10}}
    job = job_store.get(in_state(job_store, JobState.SUCCEEDED, results=pointer, scores=scores))
    files = save_results(tools, [job], tmp_path / "results")
    assert json.loads(files[job.id].read_text()) == {"subsets": {}}
    assert score_table([job])[1][0][-1] == "0.5000"
    write_report(tmp_path / "report.md", [job], files, tools.producer.events(job.id))
    report = (tmp_path / "report.md").read_text()
    for words in (job.id, "0.5000", "results/demo.json", "job_succeeded", "generated -> succeeded"):
        assert words in report
    spec = report.partition("```yaml")[2].partition("```")[0]
    assert yaml.safe_load(spec)["finetune"]["model"] == "acme/base"
