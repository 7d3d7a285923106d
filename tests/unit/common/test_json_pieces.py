"""A data set read some hundred rows at once is what it is when read row by row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common import json_pieces
from common.errors import InvalidSpec
from common.json_pieces import Members
from common.json_stream import OPENED, members
from common.selection import select
from common.spec import DatasetSpec
from common.spool import Spool

texts = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ['","x":{"question":{"question":"', "\\", '"', "},", "Paris", "a  b ", "Ã©", "\x85", "\ufffd", "<s>"]
)
junk = st.recursive(
    st.none() | st.integers(-(2**70), 2**70) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts | st.just("question"), inner, max_size=2),
    max_leaves=4,
)
instances = st.builds(
    lambda question, answers, hints, more, turned: dict(
        list(
            {
                "question": {"question": question, "entities": []},
                "answers": [{"answer": answer} for answer in answers],
                "hints": [{"hint": hint, "source": None} for hint in hints],
                "metadata": more,
            }.items()
        )[:: -1 if turned else 1]
    ),
    texts,
    st.lists(texts, max_size=2),
    st.lists(texts, max_size=3),
    junk,
    st.sampled_from([False, False, False, True]),
)
parts = st.dictionaries(texts | st.integers(0, 99).map(str), instances | instances | instances | junk, max_size=12)
indents = st.sampled_from([None, None, 0, 2])
patient = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def document(train: Any, test: Any, indent: int | None) -> bytes:
    body = {"name": "x", "subsets": {"train": {"instances": train}, "test": {"instances": test, "metadata": {}}}}
    return json.dumps(body, indent=indent).encode()


@contextmanager
def pieces_of(size: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_pieces, "PIECE", size)
        yield


def outcome(path: Path) -> object:
    """All that a selection tells; or the sentence that refuses it."""
    try:
        chosen = select(path, DatasetSpec(source="x.json"), "messages")
    except InvalidSpec as exc:
        return exc.message
    examples = {gate: finding.examples for gate, finding in chosen.findings.items()}
    return chosen.counts, examples, list(chosen.training_lines(7)), list(chosen.questions())


def same_in_pieces(path: Path, size: int) -> object:
    with pieces_of(0):
        one_by_one = outcome(path)
    with pieces_of(size):
        assert outcome(path) == one_by_one
    return one_by_one


@patient
@given(train=parts, test=parts, indent=indents, size=st.sampled_from([90, 400, 1 << 18]))
def test_rows_are_the_same_in_pieces(tmp_path: Path, train: Any, test: Any, indent: int | None, size: int) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(document(train, test, indent))
    same_in_pieces(path, size)


@patient
@given(train=parts, indent=indents, at=st.floats(0, 1), byte=st.binary(max_size=2), short=st.booleans())
def test_a_damaged_file_is_refused_in_the_same_words(
    tmp_path: Path, train: Any, indent: int | None, at: float, byte: bytes, short: bool
) -> None:
    data = document(train, {"q": {"question": {"question": "Q?"}, "answers": [{"answer": "A"}]}}, indent)
    cut = int(at * len(data))
    path = tmp_path / "x.json"
    path.write_bytes(data[:cut] + (b"" if short else byte + data[cut + 1 :]))
    same_in_pieces(path, 200)


def rows(count: int) -> dict[str, Any]:
    return {
        f"q{number}": {
            "question": {"question": f"Which is number {number}?"},
            "answers": [{"answer": f"number {number}"}],
            "hints": [{"hint": "It comes after the one before."}],
        }
        for number in range(count)
    }


def test_an_id_that_comes_again_replaces_its_row_and_what_was_found_in_it(tmp_path: Path) -> None:
    first, last = rows(40), rows(1)
    first["q0"]["hints"] = [{"hint": "It is number 0."}]
    first["q1"] = 5
    text = json.dumps(first)[:-1] + "," + json.dumps({**last, "q1": last["q0"]})[1:]
    path = tmp_path / "x.json"
    path.write_text(f'{{"subsets": {{"train": {{"instances": {text}}}, "test": {{"instances": {json.dumps(last)}}}}}}}')
    told = same_in_pieces(path, 700)
    assert isinstance(told, tuple)
    assert told[0] == {"train_rows": 40, "test_questions": 1, "found_overlap": 2}


@pytest.mark.parametrize("indent", [None, 1])
def test_nearly_all_members_come_in_pieces(tmp_path: Path, indent: int | None) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(rows(5000), indent=indent))
    found: dict[str, Any] = {}
    single = 0
    for trail, value in members(path, lambda trail: not trail, lambda trail: not trail):
        if isinstance(value, Members):
            found.update(value)
        elif value is not OPENED:
            found[trail[0]] = value
            single += 1
    assert found == rows(5000)
    assert single < 10


@pytest.mark.parametrize("joint", [",,", ",}", "", ",null,", "}"])
def test_what_stands_wrongly_between_two_members_is_not_swallowed(tmp_path: Path, joint: str) -> None:
    path = tmp_path / "x.json"
    half = orjson.dumps(rows(30)).decode()[1:-1]
    other = half.replace('"q', '"r')
    body = f'{{"subsets": {{"train": {{"instances": {{{half}{joint}{other}}}}}}}}}'
    path.write_text(body)
    assert "is not JSON" in str(same_in_pieces(path, 500))


def test_a_spools_piece_is_replaced_in_its_place() -> None:
    spool = Spool()
    spool.put(0, [b"a", b"bb", b""])
    spool.put(1, [b"other"])
    spool.put(3, [b"new"])
    spool.flush()
    assert len(spool) == 4
    assert list(spool.many([3, 1, 0, 2])) == [b"new", b"other", b"a", b""]
    assert spool.total([0, 1]) == 6
