"""A window slides: one that has ended makes room for the next, and what came is kept."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from common.errors import Permanent, StaleMove, Transient
from worker.window import Resting, Window, in_threads


class Calls:
    """Calls that end when a test says so."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.open: dict[int, Future[str]] = {}

    def begin(self, one: int) -> Future[str]:
        self.begun.append(one)
        self.open[one] = Future()
        if len(self.open) == 3:  # as many as the window holds: the last one that began ends first
            self.open.pop(one).set_result(f"answer {one}")
        return self.open.get(one) or _done(f"answer {one}")


def _done(text: str) -> Future[str]:
    future: Future[str] = Future()
    future.set_result(text)
    return future


def test_a_slow_call_holds_up_no_other_one() -> None:
    calls = Calls()
    kept: list[int] = []

    def keep(batch: list[tuple[int, str]]) -> None:
        kept.extend(one for one, _ in batch)
        if len(kept) == 8:
            for one, future in calls.open.items():
                future.set_result(f"answer {one}")

    assert Window(3, calls.begin).slide(range(10), keep) == 10
    assert sorted(kept[:8]) == list(range(2, 10)), "0 and 1 stayed under way all the time"


def test_after_a_fault_nothing_new_begins_and_what_came_is_kept() -> None:
    kept: list[int] = []

    def begin(one: int) -> Future[str]:
        future: Future[str] = Future()
        if one == 1:
            future.set_exception(Transient("busy"))
        else:
            future.set_result("x")
        return future

    with pytest.raises(Resting, match="busy"):
        Window(2, begin).slide(range(9), lambda batch: kept.extend(one for one, _ in batch))
    assert kept == [0]


def test_who_stops_in_the_middle_cancels_what_is_under_way() -> None:
    waiting: list[Future[str]] = []

    def begin(one: int) -> Future[str]:
        future: Future[str] = Future()
        if one:
            waiting.append(future)
        else:
            future.set_result("x")
        return future

    def keep(batch: list[tuple[int, str]]) -> None:
        raise StaleMove

    with pytest.raises(StaleMove):
        Window(3, begin).slide(range(9), keep)
    assert len(waiting) == 3
    assert all(future.cancelled() for future in waiting)


def test_calls_that_block_run_beside_each_other() -> None:
    together = threading.Barrier(4, timeout=20)

    def call(one: int) -> bool:
        return together.wait() >= 0

    with in_threads(4, call) as begin:
        assert Window(4, begin).slide(range(8), lambda batch: None) == 8


def test_a_permanent_fault_outweighs_one_that_passes() -> None:
    def begin(one: int) -> Future[str]:
        future: Future[str] = Future()
        future.set_exception(Permanent("gone") if one else Transient("busy"))
        return future

    with pytest.raises(Permanent, match="gone"):
        Window(2, begin).slide(range(2), lambda batch: None)
