"""A large JSON object read member by member: memory is that of the largest member, whatever the size of the file.

Where an object has many members they are parsed some hundred at once (common/json_pieces.py), and some of them may be
read by somebody else meanwhile (common/second_reader.py).
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from common.json_pieces import Cutter
from common.json_reader import CHUNK, BadJson, Part, Reader

Trail = tuple[str, ...]  #: keys from the top to a member


class Opened:
    """Stands for an object whose members follow."""


OPENED = Opened()


def members(
    path: Path,
    opens: Callable[[Trail], bool],
    many: Callable[[Trail], bool] = lambda trail: False,
    ahead: Callable[[Trail, int, Cutter], Part | None] = lambda trail, at, cut: None,
) -> Generator[tuple[Trail, Any], None, None]:
    """(trail, value) of each member, in the file's order; the top has the trail ().

    An object at whose trail `opens` says so comes as OPENED, and its members after it; anything else comes whole.
    Where `many` says so for such an object, its members come whole too, and may come as Members; and of those beyond
    some byte the Part that `ahead` gives may come, in their place.
    Equal keys come as often as they stand there, among Members once. Raises BadJson, when it is met, and OSError.
    """
    with path.open("rb") as file, closing(Reader(file)) as reader:
        try:
            yield from _walk(reader, opens, many, ahead)
        except BadJson as exc:
            raise _located(path, exc) from None


def _walk(
    reader: Reader,
    opens: Callable[[Trail], bool],
    many: Callable[[Trail], bool],
    ahead: Callable[[Trail, int, Cutter], Part | None],
) -> Generator[tuple[Trail, Any], None, None]:
    trails: list[Trail] = []  # of the objects that are open
    trail: Trail = ()
    while True:
        if reader.peek() == b"{" and opens(trail):
            yield trail, OPENED
            trails.append(trail)
            reader.open(many=many(trail), ahead=partial(ahead, trail))
        else:
            yield trail, reader.value()
            if not trails:
                break
        while found := reader.some():
            yield trails[-1], found
        while (key := reader.next_key()) is None:
            trails.pop()
            if not trails:
                return reader.end()
        trail = (*trails[-1], key)
    reader.end()


def _located(path: Path, found: BadJson) -> BadJson:
    """The same fault, told by line and column; or that the file is not UTF-8, which explains it better."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    read, lines, line_start = 0, 1, 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as exc:
                return BadJson("not UTF-8", read - pending + exc.start, not_utf8=True)
            before = chunk[: max(0, found.at - read)]
            if b"\n" in before:
                lines, line_start = lines + before.count(b"\n"), read + before.rindex(b"\n") + 1
            read += len(chunk)
    pending = len(decoder.getstate()[0])
    if pending:
        return BadJson("not UTF-8", read - pending, not_utf8=True)
    return BadJson(f"{found.words}: line {lines} column {found.at - line_start + 1}", found.at)
