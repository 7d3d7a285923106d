"""The tick's part in jobs that have ended: their records are made compact, and forgotten after HINTRELAY_KEEP_DAYS."""

from __future__ import annotations

import structlog

from common.archive import Archive
from common.purse import Purse
from common.sharing import Sharing
from common.store import Store

log = structlog.get_logger(__name__)

COMPACTED = 500  #: jobs of each end in one tick
EXPIRED = 200  #: jobs in one tick: some 20 ms of Redis's time
ENDPOINTS = 200  #: closed entries of the ledger in one tick


class Archivist:
    """Its cost grows with what ended since the last tick, and what is old enough now; a few round trips else."""

    def __init__(self, store: Store, keep_ms: int | None) -> None:
        self._archive = Archive.beside(store)
        self._purse = Purse.beside(store)
        self._sharing = Sharing.beside(store)
        self._keep_ms = keep_ms

    def work(self) -> None:
        """After what ended was settled."""
        for state, ids in self._archive.to_compact(COMPACTED).items():
            self._archive.compact(state, ids)
        if self._keep_ms is not None:
            self._expire(self._keep_ms)

    def _expire(self, keep_ms: int) -> None:
        ids = self._archive.expired(keep_ms, EXPIRED)
        answers = self._archive.expire(ids, keep_ms) if ids else {}
        if unsettled := answers.get("unsettled"):  # its reservation goes with no job
            for mark in self._purse.settle(unsettled):
                self._sharing.wake(mark)
            answers = self._archive.expire(unsettled, keep_ms) | {"expired": answers.get("expired", [])}
        if gone := answers.get("expired"):
            log.info("jobs_expired", count=len(gone))
        self._archive.expire_endpoints(keep_ms, ENDPOINTS)
