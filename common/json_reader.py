"""The bytes of a JSON file as a reader goes through them: keys and values of one object after the other.

A regular expression finds where a member ends, orjson parses it: what is accepted is what orjson accepts, and ijson,
measured beside it, is as fast on compact files and three times slower on indented ones (docs/dependencies.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol, Self

import orjson

from common import json_pieces
from common.json_pieces import Cutter, Members

CHUNK = 1 << 18  #: bytes read at a time, at least
BOM = b"\xef\xbb\xbf"
DEEP = 10  #: brackets within brackets that the regular expression follows; what is deeper is counted

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'


def _nested(depth: int) -> bytes:
    """A pattern of {...} or [...] with `depth` more levels of them inside; possessive, hence of linear cost."""
    inside = _STRING + (b"|" + _nested(depth - 1) if depth else b"")
    return rb"[\[{][^\[\]{}" + rb'"]*+(?:(?:' + inside + rb')[^\[\]{}"]*+)*+[\]}]'


_NEXT = re.compile(rb"[ \t\r\n]*+(?=[^ \t\r\n])")
_NEXT_KEY = re.compile(rb"[ \t\r\n]*+,[ \t\r\n]*+(" + _STRING + rb")[ \t\r\n]*+:[ \t\r\n]*+(?=[^ \t\r\n])", re.DOTALL)
_WHOLE_STRING = re.compile(_STRING, re.DOTALL)
_BRACKETED = re.compile(_nested(DEEP), re.DOTALL)
_UP_TO_BRACKET = re.compile(rb'[^\[\]{}"]*+(?:' + _STRING + rb'[^\[\]{}"]*+)*+([\[\]{}])', re.DOTALL)
_SCALAR = re.compile(rb'[^\s,:"\[\]{}]++')


class BadJson(ValueError):
    """The file is no JSON: `words` say why, `at` is the byte where; `not_utf8` when that is the reason."""

    def __init__(self, words: str, at: int, *, not_utf8: bool = False) -> None:
        super().__init__(words)
        self.words = words
        self.at = at
        self.not_utf8 = not_utf8


class Part(Protocol):
    """Members of an object that somebody else reads meanwhile."""

    start: int  #: the byte of the file where they begin: a comma between two members

    def end(self) -> int | None:
        """The byte where the last of them ends, once they are read; None when they cannot be had so."""

    def close(self) -> None:
        """They are not needed any more."""


Ahead = Callable[[int, Cutter], Part | None]  #: who may read members beyond a byte of the file


def nobody(at: int, cut: Cutter) -> None:
    """Who reads no members of an object."""


class Reader:
    """The file's bytes, a window of them at a time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        head = file.read(CHUNK)
        self._pos = len(BOM) if head.startswith(BOM) else 0
        self._window = head
        self._start = 0  # of the window, in the file
        self._first = False  # an object was opened, and none of its members read
        self._regular = True  # the members of this object end alike, as far as they were seen
        self._mark = b""  # how they end, and what follows up to the next key's quote; empty where that is not known
        self._mark_tail = 0  # how many bytes of the mark are the member's
        self._length = 0  # of the last member that was bracketed
        self._last = b""  # that member, until what follows it is known
        self._cut = Cutter()
        self._ahead: Ahead = nobody  # of this object, until it was asked
        self._part: Part | None = None

    @classmethod
    def within(cls, file: BinaryIO, at: int, key: str) -> Self:
        """In an object whose members begin with `key`, where one of them ends at a byte of the file."""
        reader = cls(file)
        reader._cut.begin(many=True)
        reader._cut.learn({key: None})
        reader.go(at)
        return reader

    def close(self) -> None:
        """Nothing more is read."""
        if self._part is not None:
            self._part.close()
        self._part = None

    @property
    def at(self) -> int:
        """The byte of the file where the reader stands."""
        return self._start + self._pos

    def go(self, at: int) -> None:
        """To a byte of the file."""
        self._file.seek(at)
        self._window, self._start, self._pos = self._file.read(CHUNK), at, 0
        self._last = b""

    def peek(self) -> bytes:
        """The next byte that is no white space; the reader stands at it."""
        while (match := _NEXT.match(self._window, self._pos)) is None:
            if not self._more():
                raise self._bad("unexpected end of the file", len(self._window))
        self._pos = match.end()
        return self._window[self._pos : self._pos + 1]

    def open(self, *, many: bool, ahead: Ahead = nobody) -> None:
        self._pos += 1
        self._first = self._regular = True
        self._mark = self._last = b""
        self._begin(many=many, ahead=ahead)

    def _begin(self, *, many: bool, ahead: Ahead = nobody) -> None:
        self._cut.begin(many=many)
        self.close()
        self._ahead = ahead

    def some(self) -> Members | Part | None:
        """The object's next members, as many as a piece holds, the reader past them, or the part that has them; None
        where none can be had so."""
        if self._first or not self._cut.hopeful:
            return None
        part = self._reached()
        if part is not None:
            return part
        if len(self._window) - self._pos < json_pieces.PIECE:
            self._more()
        found = self._cut.members(self._window, self._pos, self._part.start - self._start if self._part else None)
        if found is None:
            return None
        self._pos, self._last = found[1], b""
        return found[0]

    def _reached(self) -> Part | None:
        """The part that begins here, if it could be read; the reader stands past it then."""
        if self._ahead is not nobody:
            self._ahead, self._part = nobody, self._ahead(self.at, self._cut)
        part = self._part
        if part is None or self.at < part.start:
            return None
        self._part = None
        end = part.end() if self.at == part.start else None
        if end is None:
            part.close()
            return None
        self.go(end)
        return part

    def next_key(self) -> str | None:
        """The key of the object's next member, the reader before its value; or None, the reader past the object."""
        match = None if self._first else _NEXT_KEY.match(self._window, self._pos)
        if match is None:
            return self._next_key_in_steps()
        if self._last:
            self._learn(self._window[self._pos : match.start(1) + 1])
        self._pos, end = match.start(1), match.end()
        key: str = self._parse(match.end(1))
        self._pos = end
        return key

    def _next_key_in_steps(self) -> str | None:
        """The same where the window has to grow, at an object's first and last member, and where something is wrong."""
        byte = self.peek()
        if byte == b"}":
            self._pos += 1
            self._first = False
            self._mark = self._last = b""
            self._begin(many=False)
            return None
        if not self._first:
            if byte != b",":
                raise self._bad("expected a comma or }")
            self._pos += 1
            byte = self.peek()
        self._first = False
        self._last = b""
        if byte != b'"':
            raise self._bad("expected a key in double quotes")
        key: str = self._parse(self._matched(_WHOLE_STRING))
        if self.peek() != b":":
            raise self._bad("expected a colon")
        self._pos += 1
        return key

    def value(self) -> Any:
        byte = self.peek()
        if byte in b"{[":
            guessed = self._guessed() if self._mark else None
            value = self._bracketed_value() if guessed is None else guessed
            self._cut.learn(value)
            return value
        if byte == b'"':
            return self._parse(self._matched(_WHOLE_STRING))
        if byte in b",:}]":
            raise self._bad("expected a value")
        return self._parse(self._matched(_SCALAR))

    def end(self) -> None:
        """Raises BadJson when more than white space follows."""
        while not self._window[self._pos :].strip(b" \t\r\n"):
            self._pos = len(self._window)
            if not self._more():
                return
        self.peek()
        raise self._bad("unexpected content after the document")

    def _guessed(self) -> Any:
        """The value, if it ends as the member before it did, in the same characters up to the next key. When it parses
        it does: a bracketed value that parses is whole. None where that is not so: the slower way is taken then."""
        most = self._pos + 4 * self._length + 4096
        end = self._window.find(self._mark, self._pos, most)
        if end < 0:
            return None
        end += self._mark_tail
        try:
            value = orjson.loads(self._window[self._pos : end])
        except orjson.JSONDecodeError:
            self._regular = False
            self._mark = b""
            return None
        self._length = end - self._pos
        self._pos = end
        return value

    def _learn(self, separator: bytes) -> None:
        """Of a member that was read the slower way: how it ended (its last line, or its last two bytes)."""
        value, self._last = self._last, b""
        if not self._regular:
            return
        line = value.rfind(b"\n", -200)
        tail = value[line if line >= 0 else -2 :]
        self._mark, self._mark_tail, self._length = tail + separator, len(tail), len(value)

    def _bracketed_value(self) -> Any:
        while True:
            match = _BRACKETED.match(self._window, self._pos)
            end = match.end() if match else self._counted()
            if end:
                self._last = self._window[self._pos : end]
                return self._parse(end)
            if not self._more():
                return self._parse(len(self._window))  # orjson says what is wrong with it

    def _counted(self) -> int:
        """Where a value deeper than the regular expression ends; 0 where it does not end in the window."""
        depth, at = 0, self._pos
        while match := _UP_TO_BRACKET.match(self._window, at):  # from where the last one ended: not out of a string
            depth += 1 if match[1] in b"{[" else -1
            at = match.end()
            if depth == 0:
                return at
        return 0

    def _matched(self, pattern: re.Pattern[bytes]) -> int:
        """Where the match of `pattern` ends; the window grows until it is all there."""
        while True:
            match = pattern.match(self._window, self._pos)
            if match and match.end() < len(self._window):
                return match.end()
            if not self._more():  # the window begins where the reader stands now
                return match.end() - match.start() if match else len(self._window)

    def _parse(self, end: int) -> Any:
        text = self._window[self._pos : end]
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as exc:
            before = len(text.decode("utf-8", "replace")[: exc.pos].encode())
            raise self._bad(exc.msg, self._pos + before) from None
        self._pos = end
        return value

    def _more(self) -> bool:
        """A larger window that begins where the reader stands; False at the end of the file."""
        rest = self._window[self._pos :]
        chunk = self._file.read(max(CHUNK, len(rest)))
        self._start += self._pos
        self._window, self._pos = rest + chunk, 0
        return bool(chunk)

    def _bad(self, words: str, at: int | None = None) -> BadJson:
        return BadJson(words, self._start + (self._pos if at is None else at))
