"""Logging: structlog for all, the standard library's loggers included. Logs are events on stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any, TextIO

import structlog

from common.printable import printable
from common.settings import Settings

HIDDEN = "***"
LONGEST = 2000  #: characters of one value; the rest is cut, its length told
#: loggers whose INFO is about plumbing: a line for each message, request or tick
_QUIET = (
    "celery.app.trace",
    "celery.worker.strategy",
    "celery.beat",
    "httpx",
    "httpcore",
    "openai",
    "together",
    "urllib3",
    "kombu",
    "amqp",
    "asyncio",
    "filelock",
    "fsspec",
)
_MARKS = frozenset({"_record", "_from_structlog", "_logger", "_name"})  #: structlog's own, not for the eye
_REDUNDANT = ("color_message", "taskName")

Event = MutableMapping[str, Any]


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Send every log line of this process to stderr, as JSON or for a console, with secrets hidden."""
    stream = stream or sys.stderr
    console = settings.log_format == "console" or (settings.log_format is None and stream.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _Hide(settings.secrets()),
    ]
    renderer = structlog.dev.ConsoleRenderer(colors=stream.isatty()) if console else structlog.processors.JSONRenderer()
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _drop_redundant, renderer],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    logging.captureWarnings(True)
    _keep_lines_cheap()
    root.setLevel(settings.log_level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _keep_lines_cheap() -> None:
    """No line of ours shows its place in the code, its thread or process: to look for them takes half of its time."""
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # as the standard library's page on logging advises


class _Hide:
    """Replaces secrets wherever they stand, and makes text from outside harmless: no control characters, no novels."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted(set(secrets), key=len, reverse=True)

    def __call__(self, logger: Any, method: str, event: Event) -> Event:
        for name, value in event.items():
            if name not in _MARKS:
                event[name] = self._clean(value, keep_lines=name == "exception")
        return event

    def _clean(self, value: Any, keep_lines: bool = False) -> Any:
        if isinstance(value, str):
            return self._text(value, keep_lines)
        if isinstance(value, dict):
            return {self._text(str(k), False): self._clean(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._clean(v) for v in value]
        if value is None or isinstance(value, (bool, int, float)):
            return value
        return self._text(str(value), keep_lines)

    def _text(self, text: str, keep_lines: bool) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        limit = 20 * LONGEST if keep_lines else LONGEST
        if len(text) > limit:
            text = f"{text[:limit]}… ({len(text)} characters)"
        return printable(text, keep_lines)


def _drop_redundant(logger: Any, method: str, event: Event) -> Event:
    for name in _REDUNDANT:
        event.pop(name, None)
    return event
