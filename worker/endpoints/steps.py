"""One step of one endpoint: up, while it runs, and down. Each tick takes one, from what the platform's list shows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import structlog

from common.endpoints import Entry, EntryState
from common.errors import HintrelayError, Permanent
from common.ledger import Ledger
from common.store import Store
from worker.endpoints.down import Down
from worker.ports import InDoubt
from worker.serving import Catalog, Deployed, Endpoint, Endpoints, Offer, Serving

log = structlog.get_logger(__name__)

MINUTE_MS = 60_000
MISSED = 3  #: looks in a row that did not show a running endpoint; one look may be stale

_UP = {Serving.STARTING, Serving.READY, Serving.UNKNOWN}


class Steps:
    """`doubt_ms`: what was asked for may appear in the platform's list this late."""

    def __init__(self, store: Store, ledger: Ledger, endpoints: Endpoints, catalog: Catalog, *, doubt_ms: int) -> None:
        self._store = store
        self._ledger = ledger
        self._endpoints = endpoints
        self._catalog = catalog
        self._doubt_ms = doubt_ms
        self._missed: dict[str, int] = {}
        self._down = Down(ledger, endpoints, catalog, doubt_ms=doubt_ms)

    def take(self, entry: Entry, endpoint: Endpoint | None, now: int) -> None:
        """The next step, where the platform's list shows `endpoint` for the entry. Raises what the platform says."""
        step: dict[EntryState, Callable[[Entry, Endpoint | None, int], None]] = {
            EntryState.STARTING: self._up,
            EntryState.RUNNING: self._watch,
            EntryState.STOPPING: self._take_down,
        }
        if endpoint is None and entry.endpoint_id:  # a list may lag; what it does not show may cost all the same
            endpoint = self._endpoints.find(entry.endpoint_id)
        step[entry.state](entry, endpoint, now)

    # ---- up ----

    def _up(self, entry: Entry, endpoint: Endpoint | None, now: int) -> None:
        if endpoint is None:
            self._ask(entry, now, lambda: self._endpoints.create(entry.name))
        elif not endpoint.deployments:
            self._ask(entry, now, lambda: self._deploy(entry, endpoint), endpoint_id=endpoint.id)
        else:
            self._await(entry, endpoint, endpoint.deployments[0], now)

    def _ask(self, entry: Entry, now: int, ask: Callable[[], None], **facts: Any) -> None:
        """An intent first. What was asked for and does not show is waited for before it is asked for again."""
        same = facts.get("endpoint_id", "") == entry.endpoint_id
        if entry.asked and same and now - entry.asked < self._doubt_ms:
            return
        if not self._ledger.move(entry, asked=now, **facts):
            return
        try:
            ask()
        except InDoubt:
            raise  # the intent stays: the list is looked at before it is asked for again
        except HintrelayError as exc:
            self._ledger.move(entry.name, asked=None, words=exc.message)
            fresh = self._ledger.find(entry.name)
            if isinstance(exc, Permanent) and fresh is not None:
                self.end(fresh, exc.message, exc.code)
            raise

    def _deploy(self, entry: Entry, endpoint: Endpoint) -> None:
        offer = Offer(entry.path, entry.config, entry.hardware, entry.price or 0.0)
        self._endpoints.deploy(endpoint, offer, entry.inactive_minutes)

    def _await(self, entry: Entry, endpoint: Endpoint, one: Deployed, now: int) -> None:
        if one.state not in _UP:
            self.end(entry, f"the platform could not start it: {one.words or one.state}", "~endpoint_failed")
        elif not one.routed:
            self._endpoints.route(endpoint)
        elif self._ready(endpoint, one):
            facts: dict[str, Any] = {
                "asked": None,
                "begun": now,
                "endpoint_id": endpoint.id,
                "address": endpoint.address,
            }
            until_ms = entry.max_minutes * MINUTE_MS
            if self._ledger.move(entry, EntryState.RUNNING, until_ms=until_ms, words=one.words, **facts) == 1:
                self.tell(entry, "endpoint_ready", {"endpoint": entry.name, "address": endpoint.address})
        elif one.words != entry.words or entry.asked:
            self._ledger.move(entry, asked=None, endpoint_id=endpoint.id, words=one.words)

    def _ready(self, endpoint: Endpoint, one: Deployed) -> bool:
        """One whose state is a word that we do not know is asked whether it answers."""
        if one.state is Serving.UNKNOWN:
            with contextlib.suppress(HintrelayError):
                self._catalog.answers(endpoint.address)
                return True
        return one.state is Serving.READY

    # ---- while it runs ----

    def _watch(self, entry: Entry, endpoint: Endpoint | None, now: int) -> None:
        missed = self._missed.get(entry.name, 0) + 1 if endpoint is None else 0
        self._missed[entry.name] = missed
        if missed >= MISSED:
            self.end(entry, "the platform does not know it any more", "~endpoint_gone")
        if endpoint is None:
            return
        states = {one.state for one in endpoint.deployments}
        if not states & _UP:
            words = "; ".join(one.words for one in endpoint.deployments if one.words)
            self.end(entry, f"the platform stopped it: {words or 'nothing runs'}", "~endpoint_idle")

    # ---- down ----

    def end(self, entry: Entry, why: str, fault: str = "") -> None:
        """From now on it is taken down, whatever comes; unless it was changed since it was read."""
        if self._ledger.move(entry, EntryState.STOPPING, why=why, fault=fault) == 1:
            log.info("endpoint_ending", endpoint=entry.name, reason=why)
            self._wake(entry)

    def _take_down(self, entry: Entry, endpoint: Endpoint | None, now: int) -> None:
        ran = self._down.take(entry, endpoint, now)
        if ran is None:
            return
        self._missed.pop(entry.name, None)
        cents = None if entry.price is None else round(ran * entry.price, 4)
        log.info("endpoint_stopped", endpoint=entry.name, minutes=ran, cents=cents, reason=entry.why)
        self.tell(entry, "endpoint_stopped", {"endpoint": entry.name, "minutes": ran, "cents": cents, "why": entry.why})

    def tell(self, entry: Entry, event: str, data: dict[str, Any]) -> None:
        """A fact for the histories of its jobs, which look at once what it means for them."""
        for job_id in entry.jobs:
            self._store.tell(job_id, event, data)
        self._wake(entry)

    def _wake(self, entry: Entry) -> None:
        for job_id in entry.jobs:
            self._store.wake(job_id)
