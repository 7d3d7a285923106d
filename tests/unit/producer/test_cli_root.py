"""The group: help without weight, and errors as the contract has them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from common.errors import ConfigurationError, Exit, Transient
from common.records import Records
from common.settings import load
from producer import bootstrap
from producer.cli import failures
from producer.cli.context import Tools
from producer.cli.registry import COMMANDS
from producer.cli.root import cli
from tests.unit.producer.conftest import Run, error_of

ROOT = Path(__file__).parents[3]
HEAVY = {"together", "hinteval", "celery", "redis", "rich", "pydantic", "yaml", "httpx"}


def in_a_process(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", code, *args]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_help_shows_every_command_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from producer.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: print('exit', end.code)\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = in_a_process(code, "--help")
    assert done.stdout.endswith("exit 0\n[]\n"), done.stdout + done.stderr
    for name, (_, line) in COMMANDS.items():
        assert f"{name} " in done.stdout
        assert line in done.stdout


def test_importing_producer_gives_its_names_lazily() -> None:
    code = (
        "import sys, producer; print('redis' in sys.modules)\n"
        "from producer import Producer, JobSpec; print(Producer.__name__, JobSpec.__name__)"
    )
    assert in_a_process(code).stdout == "False\nProducer JobSpec\n"


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_help_line_is_the_commands_own(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name
    assert (command.help or "").split("\n\n")[0].strip() == COMMANDS[name][1]


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "sandbox"])
def test_every_command_has_help(run: Run, name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert COMMANDS[name][1] in " ".join(result.stdout.split())


def test_no_command_shows_the_help(run: Run) -> None:
    result = run()
    assert (result.exit_code, "Usage: hintrelay" in result.stdout) == (0, True)


def test_version_is_one_line(run: Run) -> None:
    result = run("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("hintrelay ")


@pytest.mark.parametrize("args", [["nosuch"], ["ls", "--nosuch"], ["show"], ["--nosuch"], ["ls", "--state", "lost"]])
def test_usage_errors_exit_2_with_one_line(run: Run, args: list[str]) -> None:
    result = run(*args)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("hintrelay: ")
    assert "--help tells how" in result.stderr


@pytest.mark.parametrize(
    "option", [["-o", "json"], ["-ojson"], ["--format", "json"], ["--format=json"], ["-o", "jsonl"]]
)
def test_usage_errors_obey_the_wanted_format(run: Run, option: list[str]) -> None:
    result = run("ls", "--nosuch", *option)
    assert result.exit_code == 2
    assert error_of(result)["code"] == "usage"
    assert result.stderr == ""


def test_an_error_is_its_message_and_its_hint_on_stderr(run: Run) -> None:
    result = run("show", "abcd")
    assert result.exit_code == 6
    assert result.stdout == ""
    assert result.stderr == "hintrelay: there is no job abcd\n  hintrelay ls shows the jobs\n"


def test_an_error_in_json_is_one_object_on_stdout(run: Run) -> None:
    result = run("show", "abcd", "-o", "json")
    assert result.exit_code == 6
    assert error_of(result) == {
        "code": "not_found",
        "message": "there is no job abcd",
        "hint": "hintrelay ls shows the jobs",
    }


def broken(tools: Tools, run: Run, monkeypatch: pytest.MonkeyPatch, exc: BaseException, *args: str) -> Result:
    def fail(*_: object) -> None:
        raise exc

    monkeypatch.setattr(Records, "resolve", fail)
    return run("show", "abcd", *args)


def test_an_unexpected_exception_is_called_a_bug_in_one_line(
    tools: Tools, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HINTRELAY_LOG_LEVEL", raising=False)
    result = broken(tools, run, monkeypatch, KeyError("lost\nline"))
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "this is a bug" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_bug_shows_its_traceback_when_debugging(tools: Tools, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HINTRELAY_LOG_LEVEL", "DEBUG")
    assert "Traceback" in broken(tools, run, monkeypatch, KeyError("lost")).stderr


def test_a_bug_does_not_tell_secrets(tools: Tools, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOGETHER_API_KEY", "key-of-mine")
    result = broken(tools, run, monkeypatch, RuntimeError("bad key-of-mine"), "-o", "json")
    assert "key-of-mine" not in result.output
    assert error_of_bug(result)["code"] == "bug"


def error_of_bug(result: Result) -> dict[str, str]:
    error: dict[str, str] = json.loads(result.stdout)["error"]
    return error


def test_ctrl_c_exits_130(tools: Tools, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert broken(tools, run, monkeypatch, KeyboardInterrupt()).exit_code == 130


def test_a_transient_fault_counts_as_unreachable() -> None:
    assert failures.describe(Transient("later"))[0] == Exit.UNREACHABLE


@pytest.mark.parametrize("typed", ["schema job", "ls --nosuch -o json"])
def test_a_reader_that_goes_away_is_no_error(typed: str) -> None:
    code = "from producer.cli import main; main()"
    shell = f"sleep 0.1; {sys.executable} -c '{code}' {typed}; echo $? >&2"
    done = subprocess.run(
        ["/bin/bash", "-c", f"({shell}) | true"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == "141\n"


def test_a_wrong_redis_url_is_a_configuration_error() -> None:
    result = CliRunner().invoke(cli, ["--redis-url", "http://x", "ls", "-o", "json"])
    assert result.exit_code == 3
    assert "HINTRELAY_REDIS_URL" in error_of(result)["message"]


def test_no_redis_exits_8_with_its_url_without_password() -> None:
    url = "redis://:secret-word@127.0.0.1:1/0"
    result = CliRunner().invoke(cli, ["--redis-url", url, "ls"])
    assert result.exit_code == 8
    assert "redis://:***@127.0.0.1:1/0" in result.stderr
    assert "secret-word" not in result.output


def test_flags_win_over_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HINTRELAY_HOME", "/elsewhere")
    tools = Tools({"home": str(tmp_path), "redis_url": None})
    assert tools.settings.home == tmp_path
    assert tools.child_env() == {"HINTRELAY_HOME": str(tmp_path)}


def test_an_artifact_store_of_an_unknown_kind_is_a_configuration_error(tmp_path: Path) -> None:
    settings = load(environ={"HINTRELAY_HOME": str(tmp_path), "HINTRELAY_ARTIFACTS": "nosuch://bucket"})
    with pytest.raises(ConfigurationError, match="HINTRELAY_ARTIFACTS: nosuch://bucket"):
        bootstrap.artifacts(settings)


def test_a_full_disk_is_one_sentence_and_no_bug() -> None:
    with Path("/dev/full").open("w") as full:
        argv = [sys.executable, "-m", "producer.cli", "schema", "job"]
        done = subprocess.run(argv, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "hintrelay: the output cannot be written: No space left on device\n"
