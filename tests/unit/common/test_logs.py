"""Logs: secrets hidden by value, nothing that harms a terminal, lines that programs can read."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from msgspec.structs import replace

from common import logs
from common.secret import Secret
from common.settings import Settings

KEY = "tgp_very_secret"
SETTINGS = Settings(together_api_key=Secret(KEY), redis_url="redis://:red%40pass@h/0", log_format="json")
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield io.StringIO()
    logging.captureWarnings(False)
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def lines(stream: io.StringIO) -> Lines:
    logs.configure(SETTINGS, stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_an_event_with_its_facts_and_what_was_bound(lines: Lines) -> None:
    structlog.contextvars.bind_contextvars(job="ab12")
    structlog.get_logger("worker.x").info("run_started", run_id="ft-1", cost=1.5, ok=True, none=None)
    (line,) = lines()
    line.pop("timestamp")
    assert line == {
        "event": "run_started", "level": "info", "logger": "worker.x", "job": "ab12", "run_id": "ft-1", "cost": 1.5,
        "ok": True, "none": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        KEY,
        f"Bearer {KEY}",
        {"headers": {"Authorization": [f"Bearer {KEY}"]}},
        {KEY: 1},
        {("a", KEY): 1},
        (KEY,),
        {KEY},
        KEY.encode(),
        Path(f"/{KEY}/x"),
        RuntimeError(f"bad key {KEY}"),
        "redis://:red%40pass@h/0",
        "AUTH red@pass",
        "x" * 1995 + KEY,
    ],
    ids=str,
)
def test_a_secret_is_hidden_wherever_it_stands(lines: Lines, stream: io.StringIO, value: object) -> None:
    log = structlog.get_logger()
    log.info("seen", value=value, _private=value)
    logging.getLogger("other").warning("seen %s", value)
    log.info(str(value))
    assert len(lines()) == 3
    assert KEY not in stream.getvalue()
    assert "red@pass" not in stream.getvalue()
    assert "red%40pass" not in stream.getvalue()


def test_a_secret_is_hidden_in_an_exception_and_its_causes(lines: Lines, stream: io.StringIO) -> None:
    def fail() -> None:
        try:
            raise ValueError(f"inner {KEY}")
        except ValueError as exc:
            raise RuntimeError(f"outer {KEY}") from exc

    for log in (structlog.get_logger().exception, logging.getLogger("other").exception):
        try:
            fail()
        except RuntimeError:
            log("it_failed")
    assert KEY not in stream.getvalue()
    for line in lines():
        assert "ValueError: inner ***" in line["exception"]
        assert "RuntimeError: outer ***" in line["exception"]
        assert "\n" in line["exception"]


def test_control_characters_and_lone_surrogates_are_escaped(lines: Lines) -> None:
    structlog.get_logger().info("seen", value="a\x1b[31mred\r\n\u202e\ud800 \u00e9")
    assert lines()[0]["value"] == r"a\x1b[31mred\r\n\u202e\ud800 " + "\u00e9"


def test_a_message_cannot_forge_a_line_on_a_console(stream: io.StringIO) -> None:
    logs.configure(replace(SETTINGS, log_format="console"), stream)
    structlog.get_logger().info("seen", value="x\n2026 [error] forged")
    logging.getLogger("other").warning("x\n2026 [error] forged")
    assert len(stream.getvalue().splitlines()) == 2


def test_a_long_value_is_cut_and_its_length_told(lines: Lines) -> None:
    structlog.get_logger().info("seen", value="v" * 5000, nested=[{"x": "w" * 5000}])
    (line,) = lines()
    assert line["value"] == "v" * logs.LONGEST + "… (5000 characters)"
    assert line["nested"][0]["x"].endswith("… (5000 characters)")


def test_the_loggers_of_libraries_write_the_same_lines(lines: Lines) -> None:
    logging.getLogger("celery.worker").warning("lost %s of %d", "one", 3)
    logging.getLogger("httpx").info("HTTP Request: too much")
    (line,) = lines()
    assert (line["event"], line["level"], line["logger"]) == ("lost one of 3", "warning", "celery.worker")


def test_what_is_below_the_level_is_not_written(lines: Lines) -> None:
    structlog.get_logger("x").debug("quiet")
    assert lines() == []
