"""Some hundred members of a JSON object parsed at once: much quicker than one by one.

Where to cut is guessed by how the first member began, and a wrong guess costs time alone: a piece begins at a member,
so one that parses between braces is whole members.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

import orjson

PIECE = 1 << 17  #: bytes parsed at once: what comes of them fits the processor's caches
TAIL = 1 << 13  #: bytes at the end of a piece in which the cut is looked for first
GUESSES = 3  #: cuts that are tried for one piece
MISSES = 3  #: pieces in a row that could not be cut, before an object is read one by one to its end

_KEY = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_FIRST = re.compile(rb"[ \t\r\n]*+,(?=[ \t\r\n]*+\")")


class Members(dict[str, Any]):
    """Some members of an object, in the file's order."""


class Cutter:
    """Of one object: how its members begin, and whether it is of use to know it."""

    def __init__(self) -> None:
        self.key = ""  #: with which members begin
        self._misses = MISSES
        self._begins: re.Pattern[bytes] | None = None

    def begin(self, *, many: bool) -> None:
        """Another object; `many`: its members are wanted in pieces."""
        self._misses = 0 if many else MISSES
        self._begins = None

    @property
    def hopeful(self) -> bool:
        return self._misses < MISSES and self._begins is not None

    def learn(self, value: Any) -> None:
        """Of a member that was read: others begin with the same key."""
        if self._begins is None and self._misses < MISSES and isinstance(value, dict) and value:
            self.key = next(iter(value))
            key = re.escape(orjson.dumps(self.key))
            space = rb"[ \t\r\n]*+"
            self._begins = re.compile(
                rb"," + space + _KEY + space + rb":" + space + rb"\{" + space + key + space + rb":", re.DOTALL
            )

    def begins(self, window: bytes) -> int | None:
        """The first comma in the window that may stand between two members."""
        match = self._begins.search(window) if self._begins else None
        return match.start() if match else None

    def members(self, window: bytes, at: int, stop: int | None = None) -> tuple[Members, int] | None:
        """The members that follow the one which ends at `at`, none beyond `stop`, and where the last of them ends."""
        first = _FIRST.match(window, at)
        if first is not None:
            for cut in self._cuts(window, first.end(), stop):
                found = _parsed(window[first.end() : cut])
                if found:
                    self._misses = 0
                    return found, cut
        self._misses += 1
        return None

    def _cuts(self, window: bytes, start: int, stop: int | None) -> list[int]:
        """Commas that may stand between two members, the last one first."""
        assert self._begins is not None, "a member was seen"
        end = min(start + PIECE, len(window))
        if stop is not None and start < stop <= end:
            return [stop]
        for since in (max(start, end - TAIL), start):
            found = [match.start() for match in self._begins.finditer(window, since, end)]
            if found:
                return list(islice(reversed(found), GUESSES))
        return []


def _parsed(piece: bytes) -> Members | None:
    try:
        return Members(orjson.loads(b"{" + piece + b"}"))
    except orjson.JSONDecodeError:
        return None
