"""Pieces of bytes by number, in a temporary file: what is too much for memory, and read again in another order."""

from __future__ import annotations

import os
import tempfile
import weakref
from array import array


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

    def size(self, number: int) -> int:
        return self._sizes[number]

    def put(self, number: int, piece: bytes) -> None:
        """A new piece, whose number is the count of those before it, or another one in place of an old one."""
        self._file.write(piece)
        if number == len(self._at):
            self._at.append(self._end)
            self._sizes.append(len(piece))
        else:
            self._at[number], self._sizes[number] = self._end, len(piece)
        self._end += len(piece)

    def get(self, number: int) -> bytes:
        """Call `flush` between the last `put` and the first `get`."""
        return os.pread(self._file.fileno(), self._sizes[number], self._at[number])

    def flush(self) -> None:
        self._file.flush()
