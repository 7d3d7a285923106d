"""Many things, some at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def pages(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """So many at a time, in their order; the last page may be smaller. No more are held at once."""
    left = iter(things)
    while page := list(islice(left, size)):
        yield page
