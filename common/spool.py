"""Pieces of bytes by number, in a temporary file: what is too much for memory, and read again in another order."""

from __future__ import annotations

import os
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, repeat
from typing import BinaryIO

from common import handover


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
        self._place(first, 0, array("Q", ats), array("Q", sizes))

    def adopt(self, first: int, told: BinaryIO, file: BinaryIO) -> None:
        """The same with pieces that another spool has written to `file`, and told where they are."""
        weakref.finalize(self, file.close)
        self._files.append(file.fileno())
        self._place(first, len(self._files) - 1, handover.get_array(told), handover.get_array(told))

    def _place(self, first: int, of: int, ats: array[int], sizes: array[int]) -> None:
        after = first + len(sizes)
        self._of[first:after] = bytes([of]) * len(sizes)
        self._at[first:after] = ats
        self._sizes[first:after] = sizes

    def tell(self, out: BinaryIO) -> None:
        """Where the pieces are, for who adopts them; all are in the file then."""
        self.flush()
        handover.put_array(out, self._at)
        handover.put_array(out, self._sizes)

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

    @property
    def descriptors(self) -> list[int]:
        """Of the files that the pieces are in, for a process that is told of their places."""
        return list(self._files)

    def tell_places(self, out: BinaryIO, numbers: array[int]) -> None:
        """Where some pieces are: how many, of each its file, where it is there, and its size. See
        common/later_lines.py."""
        out.write(b"%d\n" % len(numbers))
        for typecode, places in zip("BQQ", (self._of, self._at, self._sizes), strict=True):
            out.write(array(typecode, map(places.__getitem__, numbers)).tobytes())

    def total(self, numbers: Iterable[int]) -> int:
        """The bytes of some pieces."""
        return sum(map(self._sizes.__getitem__, numbers))

    def flush(self) -> None:
        self._file.flush()


def new_file() -> BinaryIO:
    """A temporary file without a name."""
    import tempfile  # a second reader is given its files

    file: BinaryIO = tempfile.TemporaryFile(buffering=1 << 17)  # type: ignore[assignment]  # noqa: SIM115  # who asks closes it
    return file
