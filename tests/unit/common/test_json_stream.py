"""A JSON object read member by member says what orjson says of the whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common import json_reader
from common.json_reader import BadJson
from common.json_stream import OPENED, Trail, members

texts = st.text(st.characters(codec="utf-8"), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
documents = st.dictionaries(texts, st.dictionaries(texts, values, max_size=5) | values, max_size=5)


def whole(path: Path) -> Any:
    """The document again, put together from its members; those of the first two levels come one by one."""
    top: Any = None
    opened: dict[Trail, dict[str, Any]] = {}
    for trail, value in members(path, lambda trail: len(trail) < 2):
        piece = {} if value is OPENED else value
        if value is OPENED:
            opened[trail] = piece
        if trail:
            opened[trail[:-1]][trail[-1]] = piece
        else:
            top = piece
    return top


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    document=documents,
    indent=st.sampled_from([None, 0, 2]),
    ascii_only=st.booleans(),
    chunk=st.sampled_from([1, 3, 17, 1 << 20]),
)
def test_the_members_make_the_document(
    tmp_path: Path, document: dict[str, Any], indent: int | None, ascii_only: bool, chunk: int
) -> None:
    path = tmp_path / "file.json"
    path.write_text(json.dumps(document, indent=indent, ensure_ascii=ascii_only), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_reader, "CHUNK", chunk)
        assert whole(path) == document


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=documents, indent=st.sampled_from([None, 2]), at=st.floats(0, 1), byte=st.binary(max_size=2))
def test_a_damaged_file_is_taken_as_orjson_takes_it(
    tmp_path: Path, document: dict[str, Any], indent: int | None, at: float, byte: bytes
) -> None:
    data = json.dumps(document, indent=indent).encode()
    cut = int(at * len(data))
    data = data[:cut] + byte + data[cut + 1 :]
    path = tmp_path / "file.json"
    path.write_bytes(data)
    try:
        expected = orjson.loads(data)
    except orjson.JSONDecodeError:
        with pytest.raises(BadJson):
            whole(path)
    else:
        assert whole(path) == expected


def test_a_fault_is_told_by_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text('{"a": {"b": 1},\n "c": {"d": nul}}')
    with pytest.raises(BadJson, match=r"line 2 column \d+"):
        whole(path)


@pytest.mark.parametrize("text", ['{"a": {"b": 1}, "c"', '{"a": {"b": 1}, "c": 12'])
def test_a_file_that_ends_too_early_is_told_by_its_end(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(BadJson, match=rf"line 1 column {len(text) + 1}$"):
        whole(path)


def test_members_deeper_than_the_pattern_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    deep: Any = "]"
    for _ in range(50):
        deep = [deep]
    document = {"a": {"b": deep}}
    path.write_text(json.dumps(document))
    assert whole(path) == document
