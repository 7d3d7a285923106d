"""Which requests faults hit, and how often."""

from typing import Any

import pytest

from sandbox.faults import Faults, parse_faults


def faults(*raw: dict[str, Any]) -> Faults:
    armed = Faults()
    armed.all.extend(parse_faults(list(raw)))
    return armed


def strikes(armed: Faults, count: int, method: str = "GET", path: str = "/files", text: str = "") -> list[bool]:
    return [bool(armed.strike(method, path, text)) for _ in range(count)]


def test_a_fault_strikes_once_unless_told_otherwise() -> None:
    assert strikes(faults({"action": {"status": 500}}), 3) == [True, False, False]


def test_a_fault_skips_the_first_and_strikes_so_many_times() -> None:
    assert strikes(faults({"skip": 1, "times": 2, "action": {"status": 500}}), 4) == [
        False,
        True,
        True,
        False,
    ]


def test_a_fault_without_an_end_strikes_for_ever() -> None:
    assert all(strikes(faults({"times": None, "action": {"status": 500}}), 50))


def test_the_path_is_matched_whole_and_the_method_exactly() -> None:
    armed = faults({"method": "post", "path": "/fine-tunes", "times": None, "action": {"status": 500}})
    assert not armed.strike("POST", "/fine-tunes/estimate-price", "")
    assert not armed.strike("GET", "/fine-tunes", "")
    assert armed.strike("POST", "/fine-tunes", "")


def test_the_body_is_searched_and_only_read_where_a_fault_asks_for_it() -> None:
    armed = faults({"path": "/files", "body": "train.*jsonl", "action": {"status": 500}})
    assert armed.wants_body("GET", "/files")
    assert not armed.wants_body("GET", "/models")
    assert strikes(armed, 1, text="other") == [False]
    assert strikes(armed, 1, text="train-1\n.jsonl") == [True]
    assert not armed.wants_body("GET", "/files")


def test_the_first_fault_that_matches_strikes_alone() -> None:
    armed = faults({"action": {"status": 500}}, {"action": {"status": 503}})
    assert [armed.strike("GET", "/files", "").get("status") for _ in range(3)] == [500, 503, None]


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ({}, "JSON list"),
        ([{"path": "/files"}], "action"),
        ([{"action": {}, "colour": "red"}], "an object with action"),
        ([{"action": {"status": 99}}], "status must be an HTTP status"),
        ([{"action": {"run": "fine"}}], "run must be ok or"),
        ([{"action": {"reset": "during"}}], '"before" or "after"'),
        ([{"action": {"delay": True}}], "delay must be seconds"),
        ([{"path": "(", "action": {}}], "no regular expression"),
        ([{"times": -1, "action": {}}], "times is a number or null"),
        ([{"action": {"explode": 1}}], "unknown action 'explode'"),
    ],
)
def test_a_wrong_fault_is_refused_with_what_is_allowed(raw: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_faults(raw)
