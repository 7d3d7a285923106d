"""Work that is sent away while the next piece of it is made."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")
Answer = TypeVar("Answer")


def one_ahead(
    items: Sequence[Item], make: Callable[[Item], Made], send: Callable[[Made], Answer]
) -> Generator[Answer, None, None]:
    """The answers to what was made of each item, in their order. One is on its way at a time; none is sent after a
    failure, or before the answer to the last one was taken."""
    if len(items) == 1:  # nothing to overlap: no thread
        yield send(make(items[0]))
        return
    from concurrent.futures import Future, ThreadPoolExecutor

    with ThreadPoolExecutor(1, "sender") as sender:
        away: Future[Answer] | None = None
        for item in items:
            made = make(item)
            if away is not None:
                yield away.result()
            away = sender.submit(send, made)
        if away is not None:
            yield away.result()
