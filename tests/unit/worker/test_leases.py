"""The thread that renews leases: there while one is held, and not longer."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable

import pytest

from common.store import Store
from tests.jobs_made import MovableClock, claimed, made
from worker.leases import LeaseKeeper
from worker.stopping import StopFlag

PATIENCE_S = 20.0


@pytest.fixture
def keeper(store: Store) -> LeaseKeeper:
    return LeaseKeeper(store, StopFlag(), lease_s=1.5, limit_s=3600)


def test_the_thread_ends_with_the_last_lease_and_the_next_one_starts_another(
    keeper: LeaseKeeper, store: Store, clock: MovableClock
) -> None:
    others = set(threading.enumerate())
    held = keeper.keep(claimed(store, made(store)))
    (thread,) = set(threading.enumerate()) - others
    keeper.drop(held)
    eventually(lambda: not thread.is_alive())
    job_id = made(store)
    assert keeper.begin(keeper.keep(claimed(store, job_id)))
    until = store.get(job_id).lease_until
    clock.forward(20_000)
    eventually(lambda: store.get(job_id).lease_until not in {0, until})


def test_a_keeper_that_nobody_uses_is_kept_by_no_thread(store: Store) -> None:
    keeper = LeaseKeeper(store, StopFlag(), lease_s=0.3, limit_s=3600)
    gone = weakref.ref(keeper)
    keeper.drop(keeper.keep(claimed(store, made(store))))
    del keeper
    eventually(lambda: gone() is None)


def eventually(check: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not check():
        assert time.monotonic() < until
        time.sleep(0.01)
