"""Pieces of work that several jobs need: kept under a name for a month since the last one came."""

from __future__ import annotations

from collections.abc import Mapping

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


def unshare(store: Records, name: str) -> None:
    with reaching(store.url):
        store.client.unlink(Keys.shared(name))
