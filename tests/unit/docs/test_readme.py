"""The README's and the pages' examples are commands, specs and messages that work."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from common.errors import Exit
from common.matrix import expand
from common.messages import CONTRACTS, open_envelope
from common.settings import load
from common.spec import JobSpec
from common.spec_files import loads
from producer.bootstrap import build
from producer.cli.registry import COMMANDS
from producer.cli.root import cli

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SPECIMEN = {"JOB": "7f3a", "NAME": "acme/endpoint", "LETTER": "0a1b2c3d", "SPEC": "job.yaml"}


def blocks(text: str, language: str) -> list[str]:
    """Fenced blocks, as they stand without the indent of a list."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", body, flags=re.MULTILINE) for indent, body in found]


def table(head: str) -> list[list[str]]:
    """Rows of the README's table whose head begins with `head`."""
    body = README.partition(f"| {head} |")[2].partition("\n\n")[0]
    lines = [line for line in body.splitlines() if line.startswith("|") and not line.startswith("|---")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def command(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None, f"hintrelay has no command {name}"
    return found


def parse(words: list[str]) -> None:
    """Raises click.UsageError where the command line is not one."""
    found = command(words[0])
    if isinstance(found, click.Group) and len(words) > 1:
        inner = found.get_command(click.Context(found), words[1])
        assert inner is not None, words
        found, words = inner, words[1:]
    if words[0] != "sandbox":  # it hands its options on; test_compose looks at those
        found.make_context(words[0], list(words[1:]), obj=object())


def shown_commands(page: Path) -> Iterator[str]:
    """Lines of code blocks, and inline code, that begin with `hintrelay` and a command."""
    text = page.read_text("utf-8")
    lines = re.findall(r"^ +hintrelay ([a-z].*)$", text, re.MULTILINE)
    inline = re.findall(r"`hintrelay ([a-z][^`]*)`", text)
    for line in [*lines, *inline]:
        yield from (part.removeprefix("hintrelay ").strip() for part in re.split(r"\s#|&", line)[:1])


def test_the_table_of_commands_has_every_command_and_no_other() -> None:
    named = {name for cells in table("command") for name in re.findall(r"`([a-z]+)[ `]", cells[0])}
    assert named == set(COMMANDS)


def test_every_option_in_the_table_of_commands_exists() -> None:
    for cells in table("command"):
        for text in re.findall(r"`([^`]+)`", cells[0]):
            name, _, rest = text.partition(" ")
            if name in {"dead", "sandbox"}:
                continue
            known = {option for param in command(name).params for option in param.opts}
            assert set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", rest)) <= known, text


def test_the_table_of_exit_codes_is_that_of_the_code() -> None:
    numbers = {int(number) for cells in table("exit code") for number in re.findall(r"\d+", cells[0])}
    assert numbers == {int(code) for code in Exit}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_command_that_a_page_shows_can_be_typed(page: Path) -> None:
    for line in shown_commands(page):
        words = [SPECIMEN.get(word, word) for word in shlex.split(line)]
        if "COMMAND" in words or "RIGHT-NAME" in words:
            continue
        try:
            parse(words)
        except click.MissingParameter:
            assert len(words) == 1, line  # prose may name a command without its arguments
        except click.UsageError as exc:
            pytest.fail(f"{page.name}: hintrelay {line}: {exc.format_message()}")


def test_the_job_yaml_of_the_readme_makes_two_jobs_on_the_sample(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (text,) = blocks(README, "yaml")
    specs = expand(loads(text, "job.yaml"))
    assert [spec.name for spec in specs] == ["sample-lr1e-05", "sample-lr5e-05"]
    monkeypatch.chdir(ROOT)
    build(load({"home": tmp_path}, environ={}, folder=tmp_path)).check(specs)


def test_the_envelope_of_the_readme_is_accepted() -> None:
    (text,) = blocks(README, "json")
    assert open_envelope(text.encode()).task == "hintrelay.register_deployment"


def test_the_shell_examples_push_messages_that_are_accepted() -> None:
    text = (ROOT / "docs" / "messages.md").read_text("utf-8")
    pushed = [shlex.split(line) for block in blocks(text, "sh") for line in block.splitlines() if "LPUSH" in line]
    assert {open_envelope(words[-1].encode()).task for words in pushed} == {
        "hintrelay.register_deployment",
        "hintrelay.retry",
    }


@pytest.mark.parametrize("page", ["README.md", "docs/messages.md"])
def test_the_celery_examples_send_messages_that_are_accepted(page: str) -> None:
    for text in blocks((ROOT / page).read_text("utf-8"), "python"):
        module = ast.parse(text)
        calls = [node for node in ast.walk(module) if isinstance(node, ast.Call)]
        for call in calls:
            if ast.unparse(call.func) != "app.send_task":
                continue
            given = {keyword.arg: keyword.value for keyword in call.keywords}
            assert ast.literal_eval(given["queue"]) == "hintrelay.inbox"
            task = ast.literal_eval(call.args[0])
            kwargs = ast.unparse(given["kwargs"])
            spec = next((n.value for n in module.body if isinstance(n, ast.Assign) and "spec" in ast.unparse(n)), None)
            filled = kwargs.replace("'spec': spec", f"'spec': {ast.unparse(spec)}" if spec else "")
            message = CONTRACTS[task].model_validate(ast.literal_eval(filled))
            if task == "hintrelay.submit":
                JobSpec.parse(message.model_dump()["spec"])


def test_the_javascript_example_sends_tasks_that_exist() -> None:
    (text,) = blocks((ROOT / "docs" / "messages.md").read_text("utf-8"), "javascript")
    assert set(re.findall(r'send\("([^"]+)"', text)) <= set(CONTRACTS)
    literal = re.search(r"const spec = (\{.*?\n\});", text, re.DOTALL)
    assert literal
    quoted = re.sub(r"(\w+):(?= )", r'"\1":', literal[1])
    JobSpec.parse(json.loads(re.sub(r",(\s*})", r"\1", quoted)))


def test_the_python_client_example_uses_what_the_client_has() -> None:
    from producer import Producer

    text = next(block for block in blocks(README, "python") if "Producer" in block)
    used = set(re.findall(r"producer\.(\w+)\(", text))
    assert used == {"submit", "register_deployment", "watch"}
    assert all(callable(getattr(Producer, name)) for name in used)
    compile(text, "README.md", "exec")
