"""A file that two processes write is what one process writes, whatever happens to the second one."""

from __future__ import annotations

import random
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import psutil
import pytest

from common import handover, second_process, second_writer
from common.spool import Spool, new_file


@pytest.fixture
def spool() -> Iterator[Spool]:
    """Pieces in two files, as after a second reader."""
    other, whole = Spool(told_file := new_file()), Spool()
    other.put(0, [f"other {number}\n".encode() * (number % 3) for number in range(300)])
    whole.put(0, [f"own {number}\n".encode() for number in range(300)])
    with new_file() as told:
        other.tell(told)
        told.seek(0)
        whole.adopt(300, told, told_file)
    whole.put(7, [b"in place of another\n"])
    whole.flush()
    yield whole
    other.flush()  # until here it keeps its file open


@pytest.fixture
def order() -> array[int]:
    numbers = array("Q", range(600))
    random.Random(3).shuffle(numbers)
    return numbers


@pytest.fixture(autouse=True)
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_process, "LEAST", 1)
    monkeypatch.setattr(second_process, "processors", lambda: 2)


def test_two_processes_write_what_one_writes(
    spool: Spool,
    order: array[int],
    tmp_path: Path,
    children: Callable[[], set[psutil.Process]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[list[int]] = []
    many = Spool.many

    def told(spool: Spool, numbers: Iterable[int]) -> Iterator[bytes]:
        asked.append(list(numbers))
        return many(spool, asked[-1])

    monkeypatch.setattr(Spool, "many", told)
    second_writer.write(spool, order, tmp_path / "file")
    assert [len(numbers) for numbers in asked] == [300], "the other half was written by the other process"
    assert (tmp_path / "file").read_bytes() == b"".join(spool.get(number) for number in order)
    assert not children()


@pytest.mark.parametrize("does", ["kill -9 $$", "exit 1", None])
def test_a_second_writer_that_came_to_nothing_is_missed_by_nobody(
    spool: Spool, order: array[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str | None
) -> None:
    python = tmp_path / "python"
    if does is not None:
        python.write_text(f"#!/bin/sh\n{does}\n")
        python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    second_writer.write(spool, order, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"".join(spool.get(number) for number in order)


def test_arrays_and_values_are_handed_over_as_they_were() -> None:
    with new_file() as told:
        handover.put(told, {"a": [1, "line\nend"]})
        handover.put_array(told, array("Q", [10, 2**63, 0]))
        handover.put_array(told, array("B"))
        handover.put_texts(told, [str(number) for number in range(handover.TEXTS + 1)])
        handover.put_texts(told, ())
        handover.put(told, None)
        told.seek(0)
        assert handover.get(told) == {"a": [1, "line\nend"]}
        assert handover.get_array(told) == array("Q", [10, 2**63, 0])
        assert handover.get_array(told) == array("B")
        assert handover.get_texts(told) == [str(number) for number in range(handover.TEXTS + 1)]
        assert handover.get_texts(told) == []
        assert handover.get(told) is None
