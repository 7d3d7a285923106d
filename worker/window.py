"""A window of calls that slides over many things, each result kept as it comes: a crash costs what was under way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

from common.errors import HintrelayError, Permanent, Transient

T = TypeVar("T")
R = TypeVar("R")


class Resting(Transient):
    """A fault that came after something had been gained: to wait and go on is no failed attempt."""


class Window(Generic[T, R]):
    """At most `size` calls at a time, in threads."""

    def __init__(self, size: int, call: Callable[[T], R]) -> None:
        self._size = size
        self._call = call

    def slide(self, todo: Iterable[T], keep: Callable[[list[tuple[T, R]]], None]) -> int:
        """Call for each, and `keep` what comes; how many came. Raises the fault that ended it, or Resting."""
        gained = 0
        pool = ThreadPoolExecutor(self._size, thread_name_prefix="ask")
        try:
            for batch, fault in self._batches(pool, iter(todo)):
                keep(batch)
                gained += len(batch)
                if isinstance(fault, Transient) and gained:
                    raise Resting(fault.message, code=fault.code, after_s=fault.after_s) from fault
                if fault is not None:
                    raise fault
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return gained

    def _batches(
        self, pool: ThreadPoolExecutor, source: Iterator[T]
    ) -> Iterator[tuple[list[tuple[T, R]], HintrelayError | None]]:
        """After a fault nothing new is called, and what is under way is waited for."""
        under_way: dict[Future[R], T] = {}
        fault: HintrelayError | None = None

        def call_more() -> None:
            while fault is None and len(under_way) < self._size:
                try:
                    one = next(source)
                except StopIteration:
                    return
                under_way[pool.submit(self._call, one)] = one

        call_more()
        while under_way:
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            batch: list[tuple[T, R]] = []
            for future in done:
                one = under_way.pop(future)
                try:
                    batch.append((one, future.result()))
                except HintrelayError as exc:
                    fault = exc if fault is None or isinstance(exc, Permanent) else fault
            call_more()
            yield batch, fault if not under_way else None
