"""The process that a second writer is: see common/second_writer.py. It imports nothing of ours, and has begun at once.

Its arguments are descriptors: of the file that tells what to write, of the file to write to and where, and of the files
that the pieces stand in.
"""

from __future__ import annotations

import os
import sys
from array import array


def main(told: int, out: int, offset: int, *files: int) -> None:
    """Copy the pieces, one behind the other."""
    with os.fdopen(told, "rb") as source:
        count = int(source.readline())
        of, ats, sizes = (_array(source.read(count * array(code).itemsize), code) for code in "BQQ")
    os.lseek(out, offset, os.SEEK_SET)
    with os.fdopen(out, "wb", 1 << 20) as file:
        file.writelines(map(os.pread, map(files.__getitem__, of), sizes, ats))


def _array(raw: bytes, typecode: str) -> array[int]:
    numbers = array(typecode)
    numbers.frombytes(raw)
    return numbers


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
