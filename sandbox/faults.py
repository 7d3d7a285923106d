"""Faults on demand: which requests they hit, how often, and what happens then."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from .life import PLANS
from .serving import PLANS as SERVING_PLANS

FIELDS: Final = frozenset({"method", "path", "body", "times", "skip", "action"})


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_status(value: Any) -> bool:
    return isinstance(value, int) and 100 <= value <= 599


def _is_headers(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


#: what an action may say: name -> (check, what is allowed)
ACTIONS: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "status": (_is_status, "an HTTP status"),
    "headers": (_is_headers, "an object of strings"),
    "body": (lambda value: True, "any JSON"),
    "delay": (_is_seconds, "seconds"),
    "hang": (lambda value: value is True, "true"),
    "reset": (lambda value: value in ("before", "after"), '"before" or "after"'),
    "html": (lambda value: value is True, "true"),
    "empty": (lambda value: value is True, "true"),
    "run": (lambda value: value in PLANS, " or ".join(PLANS)),
    "message": (lambda value: isinstance(value, str), "a string"),
    "file": (lambda value: value == "invalid", '"invalid"'),
    "lag": (_is_seconds, "seconds"),
    "deployment": (lambda value: value in SERVING_PLANS, " or ".join(SERVING_PLANS)),
    "stop": (lambda value: value == "ignored", '"ignored"'),
    "reply": (lambda value: value is None or isinstance(value, str), "a string or null"),
}


@dataclass
class Fault:
    """Hits matching requests: skips the first ones, then strikes `times` times (None: for ever)."""

    method: str | None
    path: re.Pattern[str]
    body: re.Pattern[str] | None
    times: int | None
    skip: int
    action: dict[str, Any]
    seen: int = 0
    fired: int = 0

    def concerns(self, method: str, path: str) -> bool:
        """Whether it may strike a request, its body aside."""
        spent = self.times is not None and self.fired >= self.times
        return not spent and self.method in (None, method) and self.path.fullmatch(path) is not None

    def strikes(self, text: str) -> bool:
        """Whether it strikes this request, which it concerns: counts it."""
        if self.body is not None and self.body.search(text) is None:
            return False
        self.seen += 1
        if self.seen <= self.skip:
            return False
        self.fired += 1
        return True

    def as_json(self) -> dict[str, Any]:
        """The fault as it was given, with what became of it."""
        return {
            "method": self.method,
            "path": self.path.pattern,
            "body": None if self.body is None else self.body.pattern,
            "times": self.times,
            "skip": self.skip,
            "action": self.action,
            "seen": self.seen,
            "fired": self.fired,
        }


def parse_faults(raw: Any) -> list[Fault]:
    """Read a list of faults, or raise ValueError with a sentence that says what is wrong."""
    if not isinstance(raw, list):
        raise ValueError("faults are a JSON list of objects")
    return [_parse(index, item) for index, item in enumerate(raw)]


def _parse(index: int, raw: Any) -> Fault:
    if not isinstance(raw, dict) or not raw.keys() <= FIELDS or not isinstance(raw.get("action"), dict):
        raise ValueError(f"fault {index}: an object with action and of {', '.join(sorted(FIELDS))}")
    times, skip = raw.get("times", 1), raw.get("skip", 0)
    if not (times is None or _is_count(times)) or not _is_count(skip):
        raise ValueError(f"fault {index}: times is a number or null, skip a number")
    method = raw.get("method")
    return Fault(
        method=None if method in (None, "*") else str(method).upper(),
        path=_pattern(index, raw.get("path") or ".*"),
        body=None if raw.get("body") is None else _pattern(index, raw["body"]),
        times=times,
        skip=skip,
        action=_checked(index, raw["action"]),
    )


def _pattern(index: int, text: Any) -> re.Pattern[str]:
    try:
        return re.compile(str(text), re.DOTALL)
    except re.error as exc:
        raise ValueError(f"fault {index}: {text!r} is no regular expression: {exc}") from exc


def _checked(index: int, action: dict[str, Any]) -> dict[str, Any]:
    for name, value in action.items():
        if name not in ACTIONS:
            raise ValueError(f"fault {index}: unknown action {name!r}; known: {', '.join(ACTIONS)}")
        fits, allowed = ACTIONS[name]
        if not fits(value):
            raise ValueError(f"fault {index}: {name} must be {allowed}")
    return action


class Faults:
    """The faults in force; a request is struck by the first that matches."""

    def __init__(self) -> None:
        self.all: list[Fault] = []

    def wants_body(self, method: str, path: str) -> bool:
        """Whether the body must be read to know what strikes a request."""
        return any(fault.body is not None and fault.concerns(method, path) for fault in self.all)

    def strike(self, method: str, path: str, text: str) -> dict[str, Any]:
        """The action of the fault that strikes this request; empty when none does."""
        for fault in self.all:
            if fault.concerns(method, path) and fault.strikes(text):
                return fault.action
        return {}
