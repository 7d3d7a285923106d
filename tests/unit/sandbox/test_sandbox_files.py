"""Training files: what validation says, and when."""

import pytest

from sandbox.clock import Clock
from sandbox.errors import PlatformError
from sandbox.files import Files
from sandbox.state import State
from sandbox.validation import report

GOOD = b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}'


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (GOOD, "CONVERSATION"),
        (b'{"text": "a"}\n\n{"text": "b"}\n', "GENERIC"),
        (b'{"prompt": "a", "completion": "b"}', "INSTRUCTION"),
    ],
)
def test_a_good_file_is_valid_and_its_format_named(body: bytes, found: str) -> None:
    verdict = report("file-1", body)
    assert (verdict["valid"], verdict["dataset_format"], verdict["error"]) == (True, found, None)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "no lines"),
        (b'{"text": "a"}\n{"text": ', "line 2: not valid JSON"),
        (b"[1]", "line 1: must be a JSON object"),
        (b'{"foo": 1}', "none of the known formats"),
        (b'{"text": ""}', "must be a string that is not empty"),
        (b'{"prompt": "a"}', '"completion" must be'),
        (b'{"text": "a", "prompt": "b"}', "has prompt and completion and text"),
        (GOOD + b'\n{"text": "a"}', "line 2: has text, the lines before have messages"),
        (b'{"messages": []}', "must be a list that is not empty"),
        (b'{"messages": [{"role": "robot", "content": ""}]}', "needs a role"),
        (b'{"messages": [{"role": "assistant", "content": 1}]}', '"content" must be a string'),
        (b'{"messages": [{"role": "user", "content": "a"}]}', "at least one assistant"),
        (b'{"text": NaN}', "not valid JSON"),
        (b'\xef\xbb\xbf{"text": "a"}', "not valid JSON"),
    ],
)
def test_a_bad_file_says_where_and_why(body: bytes, says: str) -> None:
    verdict = report("file-1", body)
    assert verdict["error_type"] == "INVALID_FORMAT"
    assert says in verdict["error"]


def shelf(clock: Clock) -> Files:
    return Files(State(), clock, check_seconds=10)


def test_a_file_is_pending_until_its_upload_is_finished() -> None:
    clock = Clock(wall=lambda: 1000.0)
    files = shelf(clock)
    file = files.create({"file_name": "a.jsonl"})
    clock.advance(999)
    assert files.get(file.id).status(clock.now()) == "PENDING"
    with pytest.raises(PlatformError, match="not been uploaded"):
        files.begin_check(file.id)


def test_validation_takes_its_time_and_a_second_begin_changes_nothing() -> None:
    clock = Clock(speed=2, wall=lambda: 1000.0)
    files = shelf(clock)
    file = files.create({"file_name": "a.jsonl"})
    files.put_bytes(file.id, GOOD)
    seen = [files.begin_check(file.id).status(clock.now())]
    for _ in range(2):
        clock.advance(2.5)
        seen.append(files.begin_check(file.id).status(clock.now()))
    assert seen == ["PENDING", "RUNNING", "COMPLETED"]


def test_only_a_complete_file_has_a_twin() -> None:
    files = shelf(Clock())
    file = files.create({"file_name": "a.jsonl"})
    files.put_bytes(file.id, GOOD)
    checksum = files.get(file.id).checksum
    assert files.complete_twin(checksum) is None
    files.begin_check(file.id)
    twin = files.complete_twin(checksum)
    assert twin is not None
    assert twin.id == file.id
    files.delete(file.id)
    assert files.complete_twin(checksum) is None
    assert files.complete_twin("") is None


def test_other_bytes_than_announced_are_refused() -> None:
    files = shelf(Clock())
    file = files.create({"file_name": "a.jsonl", "checksum": "0" * 64})
    with pytest.raises(PlatformError, match="checksum"):
        files.put_bytes(file.id, GOOD)
