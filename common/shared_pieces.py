"""Pieces of work that several jobs need: kept under a name for a month since the last one came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from common.connection import reaching
from common.keys import Keys
from common.records import Records

KEPT_MS = 30 * 86_400_000
AT_ONCE = 1000  #: pieces in one round trip


def share(store: Records, name: str, pieces: Mapping[str, str]) -> None:
    """Add pieces; one that is there already stands, so that all jobs read the same."""
    entries = list(pieces.items())
    for start in range(0, len(entries), AT_ONCE):
        pipe = store.pipeline()
        for key, text in entries[start : start + AT_ONCE]:
            pipe.hsetnx(Keys.shared(name), key, text)
        pipe.pexpire(Keys.shared(name), KEPT_MS)
        store.execute(pipe)


def shared(store: Records, name: str) -> dict[str, str]:
    with reaching(store.url):
        return dict(store.client.hgetall(Keys.shared(name)))


def shared_ids(store: Records, name: str) -> set[str]:
    with reaching(store.url):
        return set(store.client.hkeys(Keys.shared(name)))


def shared_of(store: Records, name: str, keys: Sequence[str]) -> dict[str, str]:
    if not keys:
        return {}
    with reaching(store.url):
        found = store.client.hmget(Keys.shared(name), list(keys))
    return {key: text for key, text in zip(keys, found, strict=True) if text is not None}


def unshare(store: Records, name: str) -> None:
    with reaching(store.url):
        store.client.unlink(Keys.shared(name))
