"""What the pages say is held against the code: links, keys, fields, events, settings, dependencies, words."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from common import job
from common.events import TYPES
from common.keys import Keys
from common.messages import CONTRACTS
from common.metrics import METRICS, Metric
from common.settings import NAMES, Settings
from common.states import JobState

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("*.md"),
        ROOT / "sandbox" / "README.md",
        ROOT / "benchmarks" / "README.md",
    ]
)
CODE = [path for folder in ("common", "producer", "worker") for path in (ROOT / folder).rglob("*.[pl]*")]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def rows(text: str) -> Iterator[list[str]]:
    """The cells of every table row, heads left out."""
    lines = text.splitlines()
    for here, line in enumerate(lines):
        below = lines[here + 1] if here + 1 < len(lines) else ""
        if line.startswith("|") and not line.startswith("|---") and not below.startswith("|---"):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def section(text: str, head: str) -> str:
    """What stands below a heading, up to the next one of any depth."""
    found = re.search(rf"^#+ {re.escape(head)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no heading {head!r}"
    return found[1]


def anchors(text: str) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text("utf-8")):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.is_file(), f"{page.name} links to {link}, which is not there"
        if anchor:
            assert anchor in anchors(target.read_text("utf-8")), f"{link}: no such heading"


def test_the_readme_links_every_page_of_docs() -> None:
    text = read("README.md")
    missing = [page.name for page in (ROOT / "docs").glob("*.md") if f"(docs/{page.name}" not in text]
    assert not missing


def test_redis_keys_md_names_every_key() -> None:
    text = read("docs/redis-keys.md")
    named = {cells[1].strip("`"): cells[0].strip("`") for cells in rows(text) if len(cells) > 3}
    for name, value in vars(Keys).items():
        if name.startswith("_"):
            continue
        assert name in named, f"docs/redis-keys.md does not name Keys.{name}"
        prefix = value if isinstance(value, str) else _pattern(name).partition("\0")[0]
        assert named[name].startswith(prefix), f"Keys.{name} is {prefix}, not {named[name]}"


def _pattern(name: str) -> str:
    made: str = getattr(Keys, name)("\0")
    return made


def test_redis_keys_md_names_every_field_of_a_record() -> None:
    documented = _fields()
    known = set(job.LISTED) | job.JSON_FIELDS | (job._OWN - {"now"})  # `now` is what claim adds to its answer
    lua = (ROOT / "common/lua/create.lua").read_text("utf-8").partition("local record")[2]
    created = re.findall(r"'([a-z_]+)', ", lua.partition("}")[0])
    assert known | set(created) - {"accepted"} <= documented


def test_redis_keys_md_invents_no_field() -> None:
    code = "\n".join(path.read_text("utf-8") for path in CODE if path.is_file() and path.suffix in {".py", ".lua"})
    unknown = [field for field in _fields() if not re.search(rf"\b{field}\b", code)]
    assert not unknown


def _fields() -> set[str]:
    text = section(read("docs/redis-keys.md"), "A job's record")
    return {field for cells in rows(text) for field in re.findall(r"`(\w+)`", cells[0])}


def test_messages_md_has_every_event_and_no_other() -> None:
    listed = {cells[0].strip("`") for cells in rows(section(read("docs/messages.md"), "Events")) if len(cells) == 3}
    assert listed == set(TYPES)


def test_messages_md_has_every_message_and_no_other() -> None:
    listed = {cells[0].strip("`") for cells in rows(section(read("docs/messages.md"), "Sending"))}
    assert listed == set(CONTRACTS)


def test_evaluation_md_has_every_metric_as_it_is() -> None:
    listed = {cells[0].strip("`"): cells[1:] for cells in rows(section(read("docs/evaluation.md"), "Metrics"))}
    for name, about in METRICS.items():
        better = "more" if about.better == 1 else "less"
        assert listed.pop(name) == [about.family, about.says, better, ", ".join(about.needs)]
    assert set(listed) == {need for about in METRICS.values() for need in about.needs}


def test_the_metrics_of_the_spec_are_those_of_the_catalogue() -> None:
    assert set(get_args(Metric)) == set(METRICS)


def test_every_state_is_in_the_glossary() -> None:
    line = next(cells[1] for cells in rows(read("docs/glossary.md")) if cells[0] == "state")
    assert all(str(state) in line for state in JobState)


def test_the_glossary_has_its_words_once_and_in_order() -> None:
    words = [cells[0] for cells in rows(read("docs/glossary.md"))]
    wanted = (
        "job spec stage run nudge lease due outcome deployment endpoint artifact attempt snooze marker intent doubt "
        "tick inbox batch"
    ).split()
    assert words == sorted(set(words))
    assert {*wanted, "dead letter"} <= set(words)


def test_every_variable_in_the_docs_is_a_setting() -> None:
    known = {*NAMES.values(), *(f"{name}_FILE" for name in NAMES.values())}
    for page in PAGES:
        found = set(re.findall(r"\b(?:HINTRELAY|TOGETHER)_[A-Z_]+[A-Z]\b", page.read_text("utf-8")))
        assert found <= known, f"{page.name}: {found - known}"


def test_every_setting_is_documented_with_its_default() -> None:
    documented = {cells[0]: cells[1] for page in ("README.md", "docs/running.md") for cells in rows(read(page))}
    for field, name in NAMES.items():
        assert name in documented, f"{name} is in no table of README.md or docs/running.md"
        default = getattr(Settings(), field)
        if isinstance(default, (int, float)):
            assert float(documented[name]) == default, name
        elif isinstance(default, str) and default:
            assert documented[name] == default, name


def test_every_dependency_has_its_line_and_no_other_has() -> None:
    project: dict[str, Any] = tomllib.loads(read("pyproject.toml"))["project"]
    text = read("docs/dependencies.md")
    for head, wanted in (
        ("Base install", project["dependencies"]),
        ("Extra `hints`", project["optional-dependencies"]["hints"]),
        ("Extra `report`", project["optional-dependencies"]["report"]),
        ("Extra `contextual`", project["optional-dependencies"]["contextual"]),
        ("Extra `dev`", project["optional-dependencies"]["dev"]),
        ("Extra `bench`", project["optional-dependencies"]["bench"]),
    ):
        names = {match[0] for one in wanted if (match := re.match(r"[A-Za-z0-9_-]+", one))}
        assert {cells[0] for cells in rows(section(text, head))} == names


def test_architecture_md_says_why_of_every_setting_of_the_broker() -> None:
    named = section(read("docs/architecture.md"), "The broker's settings")
    calls = [node for node in ast.walk(ast.parse(read("common/broker.py"))) if isinstance(node, ast.Call)]
    update = next(call for call in calls if ast.unparse(call.func) == "app.conf.update")
    keys = {keyword.arg for keyword in update.keywords if keyword.arg} - {"broker_transport_options", "beat_schedule"}
    options = next(keyword.value for keyword in update.keywords if keyword.arg == "broker_transport_options")
    keys |= set(ast.literal_eval(ast.Expression(_only_keys(options))))
    # what is our own choice of names needs no reason
    assert not {key for key in keys if f"`{key}`" not in named} - {"task_default_queue"}


def _only_keys(options: ast.expr) -> ast.expr:
    assert isinstance(options, ast.Dict)
    return ast.List([key for key in options.keys if key is not None], ast.Load())


def test_no_page_of_ours_is_wider_than_a_screen() -> None:
    for page in PAGES:
        prose = [
            line for line in page.read_text("utf-8").splitlines() if not line.startswith(("|", "redis-cli", "app."))
        ]
        assert max(map(len, prose)) <= 170, page.name
