"""Work that is sent away while the next piece of it is made."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")
Answer = TypeVar("Answer", covariant=True)


class Away(Protocol[Answer]):
    """What was sent; `drop` where nobody wants the answer any more."""

    def answer(self) -> Answer: ...

    def drop(self) -> None: ...


def one_ahead(
    items: Iterable[Item], make: Callable[[Item], Made], send: Callable[[Made], Away[Answer]]
) -> Generator[Answer, None, None]:
    """The answers to what was made of each item, in their order. One is on its way at a time; none is sent after a
    failure, or before the answer to the last one was taken."""
    away: Away[Answer] | None = None
    try:
        for item in items:
            made = make(item)
            if away is not None:
                last, away = away, None
                yield last.answer()
            away = send(made)
        if away is not None:
            last, away = away, None
            yield last.answer()
    finally:
        if away is not None:
            away.drop()
