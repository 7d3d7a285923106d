"""Pieces of bytes by number, in a temporary file: what is too much for memory, and read again in another order."""

from __future__ import annotations

import os
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, repeat
from typing import BinaryIO

Dumped = list[list[int]]  #: of each piece, by number: where it is in its file; its size


class Spool:
    """Memory is 17 bytes a piece. The file has no name and goes with the object; or it is one that is given."""

    def __init__(self, file: BinaryIO | None = None) -> None:
        self._file: BinaryIO = file or new_file()
        weakref.finalize(self, self._file.close)
        self._files = [self._file.fileno()]
        self._of = bytearray()  # which of the files
        self._at = array("Q")
        self._sizes = array("Q")
        self._end = 0

    def __len__(self) -> int:
        return len(self._at)

    def put(self, first: int, pieces: Sequence[bytes]) -> None:
        """New pieces, the first one's number being the count of those before it; or one in place of an old one."""
        sizes = list(map(len, pieces))
        self._file.write(b"".join(pieces))
        ats = list(accumulate(sizes, initial=self._end))
        self._end = ats.pop()
        self._place(first, 0, ats, sizes)

    def adopt(self, first: int, file: BinaryIO, dumped: Dumped) -> None:
        """The same with pieces that another spool has written to `file`, which dumped where they are."""
        weakref.finalize(self, file.close)
        self._files.append(file.fileno())
        self._place(first, len(self._files) - 1, *dumped)

    def _place(self, first: int, of: int, ats: Sequence[int], sizes: Sequence[int]) -> None:
        after = first + len(sizes)
        self._of[first:after] = bytes([of]) * len(sizes)
        self._at[first:after] = array("Q", ats)
        self._sizes[first:after] = array("Q", sizes)

    def dump(self) -> Dumped:
        """Where the pieces are, for who adopts them; all are in the file then."""
        self.flush()
        return [self._at.tolist(), self._sizes.tolist()]

    def get(self, number: int) -> bytes:
        """Call `flush` between the last `put` and the first `get`."""
        return os.pread(self._files[self._of[number]], self._sizes[number], self._at[number])

    def many(self, numbers: Iterable[int]) -> Iterator[bytes]:
        """The pieces in the order of the numbers."""
        listed = array("Q", numbers)
        sizes, ats = map(self._sizes.__getitem__, listed), map(self._at.__getitem__, listed)
        if len(self._files) == 1:
            return map(os.pread, repeat(self._files[0]), sizes, ats)
        return map(os.pread, map(self._files.__getitem__, map(self._of.__getitem__, listed)), sizes, ats)

    def total(self, numbers: Iterable[int]) -> int:
        """The bytes of some pieces."""
        return sum(map(self._sizes.__getitem__, numbers))

    def flush(self) -> None:
        self._file.flush()


def new_file() -> BinaryIO:
    """A temporary file without a name."""
    file: BinaryIO = tempfile.TemporaryFile(buffering=1 << 20)  # type: ignore[assignment]  # noqa: SIM115  # who asks closes it
    return file
