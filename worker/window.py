"""A window of calls that slides over many things, each result kept as it comes: a crash costs what was under way."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from common.errors import HintrelayError, Permanent, Transient

T = TypeVar("T")
R = TypeVar("R")


class Resting(Transient):
    """A fault that came after something had been gained: to wait and go on is no failed attempt."""


@contextmanager
def in_threads(size: int, call: Callable[[T], R]) -> Iterator[Callable[[T], Future[R]]]:
    """Begins a call that blocks, in a thread of its own, `size` at most."""
    pool = ThreadPoolExecutor(size, thread_name_prefix="ask")
    try:
        yield lambda one: pool.submit(call, one)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


class Window(Generic[T, R]):
    """At most `size` calls at a time; `begin` begins one and returns at once."""

    def __init__(self, size: int, begin: Callable[[T], Future[R]]) -> None:
        self._size = size
        self._begin = begin

    def slide(self, todo: Iterable[T], keep: Callable[[list[tuple[T, R]]], None]) -> int:
        """Call for each, and `keep` what comes; how many came. Raises the fault that ended it, or Resting."""
        gained = 0
        with closing(self._batches(iter(todo))) as batches:
            for batch, fault in batches:
                keep(batch)
                gained += len(batch)
                if isinstance(fault, Transient) and gained:
                    raise Resting(fault.message, code=fault.code, after_s=fault.after_s) from fault
                if fault is not None:
                    raise fault
        return gained

    def _batches(self, source: Iterator[T]) -> Generator[tuple[list[tuple[T, R]], HintrelayError | None], None, None]:
        """After a fault nothing new is called, and what is under way is waited for."""
        under_way: dict[Future[R], T] = {}
        ended: SimpleQueue[Future[R]] = SimpleQueue()
        fault: HintrelayError | None = None

        def call_more() -> None:
            while fault is None and len(under_way) < self._size:
                try:
                    one = next(source)
                except StopIteration:
                    return
                future = self._begin(one)
                under_way[future] = one
                future.add_done_callback(ended.put)

        try:
            call_more()
            while under_way:
                batch: list[tuple[T, R]] = []
                for future in _all_of(ended):
                    one = under_way.pop(future)
                    try:
                        batch.append((one, future.result()))
                    except HintrelayError as exc:
                        fault = exc if fault is None or isinstance(exc, Permanent) else fault
                call_more()
                yield batch, fault if not under_way else None
        finally:
            for future in under_way:
                future.cancel()


def _all_of(ended: SimpleQueue[Future[R]]) -> list[Future[R]]:
    """What has ended; waits for the first. Looks at no call that is under way, however many there are."""
    found = [ended.get()]
    try:
        while True:
            found.append(ended.get_nowait())
    except Empty:
        return found
