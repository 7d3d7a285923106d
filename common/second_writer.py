"""Pieces of a spool, written one behind the other to a file; by two processes where there are many.

Each piece is a call of the system, and they stand in an order that no cache likes: for 100,000 rows that is a fifth of
the time of `prepare`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from common import later_lines, second_process
from common.spool import Spool, new_file

BUFFER = 1 << 20

Written = Callable[[], bool]  #: whether the second process has done its part, once it has ended


def write(spool: Spool, order: array[int], path: Path) -> None:
    """The pieces whose numbers `order` gives."""
    half = len(order) // 2
    first, later = order[:half], order[half:]
    with path.open("wb", BUFFER) as file, _second(spool, later, path, spool.total(first)) as written:
        file.writelines(spool.many(first))
        if not written():
            file.writelines(spool.many(later))


@contextmanager
def _second(spool: Spool, numbers: array[int], path: Path, offset: int) -> Iterator[Written]:
    """A process that writes some pieces from a byte of the file on; none where that is not worth its while."""
    if not second_process.worth_its_while(spool.total(numbers)):
        yield lambda: False
        return
    with new_file() as told, path.open("r+b") as out:
        spool.tell_places(told, numbers)
        told.seek(0)
        fds = [told.fileno(), out.fileno(), *spool.descriptors]
        arguments = map(str, [*fds[:2], offset, *spool.descriptors])
        try:
            process = second_process.begin(["-I", "-S", later_lines.__file__, *arguments], fds)
        except OSError:  # no process can be started
            yield lambda: False
            return
        try:
            yield lambda: process.wait() == 0
        finally:
            second_process.end(process)
