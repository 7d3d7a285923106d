"""A data set that two processes read is what one process reads, whatever happens to the second one."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from common import json_pieces, second_process
from common.errors import InvalidSpec
from common.second_reader import SecondReader
from common.selection import select
from common.spec import DatasetSpec

Children = Callable[[], set[psutil.Process]]


class Ends:
    """What became of each second reader's work: the byte where it ended, None where it was not taken."""

    def __init__(self) -> None:
        self.told: list[int | None] = []


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch, children: Children) -> Iterator[Ends]:
    """Every file has a second reader, and pieces are small."""
    ends, end = Ends(), SecondReader.end

    def told(reader: SecondReader) -> int | None:
        ends.told.append(end(reader))
        return ends.told[-1]

    monkeypatch.setattr(SecondReader, "end", told)
    monkeypatch.setattr(json_pieces, "PIECE", 2_000)
    monkeypatch.setattr(second_process, "LEAST", 1)
    monkeypatch.setattr(second_process, "processors", lambda: 2)
    yield ends
    assert not children(), "no process is left behind"


def row(number: int, **more: Any) -> dict[str, Any]:
    return {
        "question": {"question": f"Which number follows {number} ?" if number % 7 else f"Où est Déjà {number}?"},
        "answers": [{"answer": str(number + 1) if number % 5 else f"Beyonc\u00c3\u00a9 {number}"}],
        "hints": [{"hint": f"It is more than {number}."}, {"hint": f"It is {number + number % 3}."}],
        **more,
    }


def rows(first: int, after: int) -> dict[str, Any]:
    return {f"q{number}": row(number) for number in range(first, after)}


def document(train: str, test: dict[str, Any], *, first: str = "train", indent: int | None = None) -> str:
    parts = {"train": train, "test": json.dumps(test, indent=indent)}
    order = sorted(parts, key=lambda name: name != first)
    return '{"subsets": {' + ", ".join(f'"{name}": {{"instances": {parts[name]}}}' for name in order) + "}}"


def outcome(path: Path, **wanted: Any) -> object:
    """All that a selection tells; or the sentence that refuses it."""
    try:
        chosen = select(path, DatasetSpec(source="x.json", **wanted), "messages")
    except InvalidSpec as exc:
        return exc.message
    found = {gate: (finding.rows, finding.near, finding.examples) for gate, finding in chosen.findings.items()}
    return chosen.counts, found, list(chosen.training_lines(7)), list(chosen.questions())


def same_alone(path: Path, **wanted: Any) -> object:
    """What two processes make of a file, which one process makes of it too."""
    by_two = outcome(path, **wanted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(second_process, "processors", lambda: 1)
        assert by_two == outcome(path, **wanted)
    return by_two


@pytest.mark.parametrize("indent", [None, 4])
@pytest.mark.parametrize("wanted", [{}, {"test": "train"}, {"train": "test", "test": "train"}])
def test_two_processes_make_of_a_file_what_one_makes(
    tmp_path: Path, ends: Ends, indent: int | None, wanted: dict[str, str]
) -> None:
    path = tmp_path / "x.json"
    path.write_text(document(json.dumps(rows(0, 400), indent=indent), rows(390, 400)))
    told = same_alone(path, **wanted)
    assert isinstance(told, tuple), told
    assert any(ends.told), "the second one's work was taken"


@pytest.mark.parametrize("odd", [0, 199, 399])
def test_an_odd_row_of_either_half_is_refused_in_the_same_words(tmp_path: Path, ends: Ends, odd: int) -> None:
    path = tmp_path / "x.json"
    train = {**rows(0, 400), f"q{odd}": {"question": 5, "answers": [], "hints": []}}
    path.write_text(document(json.dumps(train), rows(0, 3)))
    assert f"'q{odd}'" in str(same_alone(path))


@pytest.mark.parametrize("joint", [",,", ",}", "", ",null,", "}"])
def test_a_file_that_is_damaged_in_the_later_half_is_refused_in_the_same_words(
    tmp_path: Path, ends: Ends, joint: str
) -> None:
    early, late = json.dumps(rows(0, 300))[:-1], json.dumps(rows(300, 400))[1:]
    path = tmp_path / "x.json"
    path.write_text(document(early + joint + late, rows(0, 3)))
    assert "is not JSON" in str(same_alone(path))


def test_an_id_of_both_halves_is_one_row(tmp_path: Path, ends: Ends) -> None:
    early, late = json.dumps(rows(0, 200))[:-1], json.dumps({**rows(200, 300), "q3": row(9_999), **rows(300, 400)})[1:]
    path = tmp_path / "x.json"
    path.write_text(document(f"{early},{late}", rows(0, 3)))
    told = same_alone(path)
    assert isinstance(told, tuple)
    assert told[0]["train_rows"] == 400
    assert ends.told == [None]


def test_a_comma_within_a_row_is_no_place_to_begin(tmp_path: Path, ends: Ends) -> None:
    inside = {"metadata": rows(1_000, 1_400)}
    train = {**rows(0, 20), "q20": row(20, **inside), **rows(21, 40)}
    path = tmp_path / "x.json"
    path.write_text(document(json.dumps(train), rows(0, 3)))
    told = same_alone(path)
    assert isinstance(told, tuple)
    assert told[0]["train_rows"] == 40
    assert not any(ends.told)


def test_a_second_reader_that_began_in_another_subset_is_not_heard(tmp_path: Path, ends: Ends) -> None:
    path = tmp_path / "x.json"
    path.write_text(document(json.dumps(rows(0, 400)), rows(0, 100), first="test"))
    told = same_alone(path)
    assert isinstance(told, tuple)
    assert (told[0]["train_rows"], told[0]["test_questions"]) == (400, 100)


@pytest.mark.parametrize("does", ["kill -9 $$", "exit 1", "exit 0"])
def test_a_second_reader_that_came_to_nothing_is_missed_by_nobody(
    tmp_path: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{does}\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    path = tmp_path / "x.json"
    path.write_text(document(json.dumps(rows(0, 400)), rows(0, 3)))
    assert isinstance(same_alone(path), tuple)
    assert ends.told == [None]


def test_who_is_stopped_while_it_waits_leaves_no_process_behind(tmp_path: Path, ends: Ends, children: Children) -> None:
    class Stopped(Exception):
        pass

    def stop() -> None:
        if children():
            raise Stopped

    path = tmp_path / "x.json"
    path.write_text(document(json.dumps(rows(0, 400)), rows(0, 3)))
    with pytest.raises(Stopped):
        select(path, DatasetSpec(source="x.json"), "messages", stop)


def test_where_no_process_can_be_started_one_reads_all(
    tmp_path: Path, ends: Ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    path = tmp_path / "x.json"
    path.write_text(document(json.dumps(rows(0, 400)), rows(0, 3)))
    assert isinstance(outcome(path), tuple)
    assert ends.told == []
