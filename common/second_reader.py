"""The later half of a large data set's rows, read by a second process while this one reads the first.

Where that begins is guessed: a comma that looks like one between two rows. This process, which knows where it is in
the file, comes to that byte between two rows or it does not; only if it does is the second one's work taken. In any
other case (a wrong guess, an id of both halves, a process that was killed) it reads these rows itself.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

import orjson

from common import handover, second_process
from common.json_pieces import Cutter
from common.spool import new_file
from common.subset import Subset
from common.takers import FILES

OWN_SHARE = 0.53  #: of the rows, read by this process: the other one takes a tenth of a second to begin
GUESS = 1 << 20  #: bytes in which a comma is looked for
LOOK_S = 0.1  #: between two calls of `check`, while the second process is waited for


def begin(
    path: Path, at: int, cut: Cutter, subsets: Sequence[Subset], check: Callable[[], None]
) -> SecondReader | None:
    """Who reads the later ones of the members that follow byte `at`; None where they are few, or nobody can."""
    left = path.stat().st_size - at
    if not second_process.worth_its_while(left):
        return None
    guess = at + int(left * OWN_SHARE)
    with path.open("rb") as file:
        comma = cut.begins(os.pread(file.fileno(), GUESS, guess))
    if comma is None:
        return None
    try:
        return SecondReader(path, guess + comma, cut.key, subsets, check)
    except OSError:  # no process can be started, or no file be made
        return None


class SecondReader:
    """The process, seen from the first one. What it takes of the rows comes in files without a name."""

    def __init__(self, path: Path, start: int, key: str, subsets: Sequence[Subset], check: Callable[[], None]) -> None:
        self.start = start
        self._subsets, self._check = subsets, check
        self._told = new_file()
        self._files = [[new_file() for _ in range(FILES)] for _ in subsets]
        wanted = [
            (subset.key, subset.taker.form, [file.fileno() for file in files])
            for subset, files in zip(subsets, self._files, strict=True)
        ]
        task = orjson.dumps({"start": start, "key": key, "wanted": wanted, "told": self._told.fileno()}).decode()
        fds = [self._told.fileno(), *(file.fileno() for file in chain.from_iterable(self._files))]
        try:
            self._process = second_process.begin(["-m", "common.later_half", task, str(path)], fds)
        except OSError:
            self._close_files()
            raise

    def end(self) -> int | None:
        """See `common.json_reader.Part`."""
        while True:
            try:
                if self._process.wait(LOOK_S):
                    return None
                break
            except subprocess.TimeoutExpired:
                self._check()
        self._told.seek(0)
        end = self._told.readline()
        if not end:  # it did not come so far
            return None
        self._ids = handover.get_texts(self._told)
        return int(end) if all(subset.ids.know_none_of(self._ids) for subset in self._subsets) else None

    def hand_over(self) -> None:
        """The subsets get the rows that were read."""
        for subset, files in zip(self._subsets, self._files, strict=True):
            subset.adopt(self._ids, self._told, files)
        self._files.clear()
        self._ids.clear()
        self.close()

    def close(self) -> None:
        """See `common.json_reader.Part`."""
        second_process.end(self._process)
        self._close_files()

    def _close_files(self) -> None:
        for file in [self._told, *chain.from_iterable(self._files)]:
            file.close()
