"""Pieces of bytes by number, in a temporary file: what is too much for memory, and read again in another order."""

from __future__ import annotations

import os
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, repeat


class Spool:
    """Memory is 16 bytes a piece. The file has no name and goes with the object."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=1 << 20)  # noqa: SIM115  # lives as long as the object
        weakref.finalize(self, self._file.close)
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
        after = first + len(pieces)
        self._at[first:after] = array("Q", ats)
        self._sizes[first:after] = array("Q", sizes)

    def get(self, number: int) -> bytes:
        """Call `flush` between the last `put` and the first `get`."""
        return os.pread(self._file.fileno(), self._sizes[number], self._at[number])

    def many(self, numbers: Iterable[int]) -> Iterator[bytes]:
        """The pieces in the order of the numbers."""
        listed = array("Q", numbers)
        sizes, ats = map(self._sizes.__getitem__, listed), map(self._at.__getitem__, listed)
        return map(os.pread, repeat(self._file.fileno()), sizes, ats)

    def total(self, numbers: Iterable[int]) -> int:
        """The bytes of some pieces."""
        return sum(map(self._sizes.__getitem__, numbers))

    def flush(self) -> None:
        self._file.flush()
