"""The tick's part in money: runs that ended are settled, and jobs that were held for want of budget are let go."""

from __future__ import annotations

import structlog

from common.purse import Purse
from common.sharing import Sharing
from common.store import Store

log = structlog.get_logger(__name__)


class Treasury:
    """Its cost grows with what ended since the last tick: one round trip when nothing did."""

    def __init__(self, store: Store) -> None:
        self._purse = Purse.beside(store)
        self._sharing = Sharing.beside(store)

    def work(self) -> None:
        """Settle first: what a run did not cost makes room."""
        jobs, eased = self._purse.waiting()
        if jobs:
            for mark in self._purse.settle(jobs):
                self._sharing.wake(mark)
            eased = self._purse.waiting()[1]
        for batch in eased:
            count = self._purse.let_go(batch)
            log.info("budget_eased", batch=batch, let_go=count)
