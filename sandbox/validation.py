"""What the platform checks in a training file once it has all its bytes."""

from typing import Any

import orjson

ROLES = frozenset({"system", "user", "assistant", "tool"})
#: keys of a line -> the platform's name of the format
FORMATS: dict[str, tuple[tuple[str, ...], str]] = {
    "messages": (("messages",), "CONVERSATION"),
    "prompt and completion": (("prompt", "completion"), "INSTRUCTION"),
    "text": (("text",), "GENERIC"),
}


class BadLine(Exception):
    """A line that cannot be trained on; says why."""


def report(file_id: str, body: bytes) -> dict[str, Any]:
    """The validation report of a JSON-lines file."""
    try:
        used, lines = check(body)
    except BadLine as exc:
        return refused(file_id, str(exc))
    return _report(file_id, dataset_format=FORMATS[used][1], nlines=lines)


def unchecked(file_id: str) -> dict[str, Any]:
    """The report of a file whose format the sandbox does not read (csv, parquet)."""
    return _report(file_id)


def refused(file_id: str, why: str) -> dict[str, Any]:
    """The report of a file that was found wrong."""
    return _report(file_id) | {"valid": False, "error": why, "error_type": "INVALID_FORMAT"}


def _report(file_id: str, dataset_format: str | None = None, nlines: int | None = None) -> dict[str, Any]:
    return {
        "valid": True,
        "dataset_format": dataset_format,
        "dataset_has_message_weights": False,
        "dataset_has_parallel_tool_calls": False,
        "dataset_has_reasoning": False,
        "dataset_has_sample_weights": False,
        "dataset_has_tools": False,
        "dataset_is_multimodal": False,
        "error": None,
        "error_type": None,
        "file_id": file_id,
        "nlines": nlines,
    }


def check(body: bytes) -> tuple[str, int]:
    """The format of a file and its number of lines; raises BadLine at the first wrong one."""
    used, count = "", 0
    for number, line in enumerate(body.split(b"\n"), start=1):
        if not line.strip():
            continue
        found = _format_of(number, line)
        if used and found != used:
            raise BadLine(f"line {number}: has {found}, the lines before have {used}; one format a file")
        used, count = found, count + 1
    if not used:
        raise BadLine("the file has no lines")
    return used, count


def _format_of(number: int, line: bytes) -> str:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as exc:
        raise BadLine(f"line {number}: not valid JSON: {exc}") from exc
    if not isinstance(row, dict):
        raise BadLine(f"line {number}: must be a JSON object")
    found = [name for name, (keys, _) in FORMATS.items() if any(key in row for key in keys)]
    if len(found) != 1:
        mixed = " and ".join(found) or "none of the known formats"
        raise BadLine(f"line {number}: has {mixed}; needs one of {', '.join(FORMATS)}")
    _check_row(number, found[0], row)
    return found[0]


def _check_row(number: int, used: str, row: dict[str, Any]) -> None:
    if used == "messages":
        _check_messages(number, row["messages"])
        return
    for key in FORMATS[used][0]:
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise BadLine(f'line {number}: "{key}" must be a string that is not empty')


def _check_messages(number: int, messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise BadLine(f'line {number}: "messages" must be a list that is not empty')
    for place, message in enumerate(messages, start=1):
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            raise BadLine(f"line {number}: message {place} needs a role of {', '.join(sorted(ROLES))}")
        if not isinstance(message.get("content"), str):
            raise BadLine(f'line {number}: message {place}: "content" must be a string')
    if not any(message["role"] == "assistant" for message in messages):
        raise BadLine(f'line {number}: "messages" needs at least one assistant message to train on')
