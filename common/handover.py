"""What one process hands to another in a file: JSON values and arrays of numbers, one after the other."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any, BinaryIO

import orjson

from common.paging import pages

TEXTS = 2000  #: in one JSON value


def put(out: BinaryIO, value: Any) -> None:
    """A JSON value."""
    out.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))


def get(source: BinaryIO) -> Any:
    """The next JSON value."""
    return orjson.loads(source.readline())


def put_texts(out: BinaryIO, texts: Iterable[str]) -> None:
    """Many texts, some at a time."""
    for some in pages(texts, TEXTS):
        put(out, some)
    put(out, [])


def get_texts(source: BinaryIO) -> list[str]:
    """The next texts."""
    found: list[str] = []
    while some := get(source):
        found += some
    return found


def put_array(out: BinaryIO, numbers: array[int]) -> None:
    """An array, which takes neither process more memory than it has."""
    put(out, [numbers.typecode, len(numbers)])
    out.write(numbers.tobytes())


def get_array(source: BinaryIO) -> array[int]:
    """The next array."""
    typecode, count = get(source)
    numbers = array(typecode)
    numbers.frombytes(source.read(count * numbers.itemsize))
    return numbers
