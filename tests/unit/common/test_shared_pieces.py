"""Pieces that several jobs need, in the store."""

from __future__ import annotations

from common.keys import Keys
from common.shared_pieces import KEPT_MS, share, shared, unshare
from common.store import Store


def test_the_first_piece_under_a_key_stands_so_that_all_jobs_read_the_same(store: Store) -> None:
    share(store, "base", {"q1": "first"})
    share(store, "base", {"q1": "second", "q2": "new"})
    assert shared(store, "base") == {"q1": "first", "q2": "new"}
    assert 0 < store.client.pttl(Keys.shared("base")) <= KEPT_MS


def test_what_is_forgotten_is_gone_and_nothing_else(store: Store) -> None:
    share(store, "base", {"q1": "x"})
    share(store, "other", {"q1": "y"})
    unshare(store, "base")
    assert (shared(store, "base"), shared(store, "other")) == ({}, {"q1": "y"})


def test_many_pieces_are_shared_whole(store: Store) -> None:
    share(store, "base", {f"q{n}": str(n) for n in range(2500)})
    assert len(shared(store, "base")) == 2500


def test_who_is_alone_at_something_stays_so_for_as_long_as_it_asks(store: Store) -> None:
    assert store.alone("x", "job1")
    store.client.pexpire(Keys.alone("x"), 1000)
    assert store.alone("x", "job1")
    assert store.client.pttl(Keys.alone("x")) > 1000
    assert not store.alone("x", "job2")
