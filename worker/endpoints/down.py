"""An endpoint's way down: stopped until it reads so, its minutes counted, deleted, and closed once it reads as gone."""

from __future__ import annotations

import contextlib
import math

import structlog

from common.endpoints import Entry
from common.errors import HintrelayError
from common.ledger import Ledger
from worker.endpoints.again import Again
from worker.serving import Catalog, Endpoint, Endpoints, Serving

log = structlog.get_logger(__name__)

MINUTE_MS = 60_000
STOPPING_MS = 30_000  #: one that reads as stopping is asked again after this
ASKED_FOR_SPANS = 4  #: times; a platform that does not tell by then does not hold up the end

_ENDING = {Serving.STOPPING, Serving.STOPPED}
#: of these nobody knows whether they cost; a deletion, which the platform refuses while one runs, finds out
_UNCLEAR = {Serving.STOPPED, Serving.FAILED, Serving.UNKNOWN}


class Down:
    """`doubt_ms`: what was asked for may appear in the platform's list this late."""

    def __init__(self, ledger: Ledger, endpoints: Endpoints, catalog: Catalog, *, doubt_ms: int) -> None:
        self._ledger = ledger
        self._endpoints = endpoints
        self._catalog = catalog
        self._doubt_ms = doubt_ms
        self._again = Again()

    def take(self, entry: Entry, endpoint: Endpoint | None, now: int) -> int | None:
        """The next step. The minutes that it ran, once it is closed. Raises what the platform says."""
        in_doubt = bool(entry.asked) and now - entry.asked < self._doubt_ms
        if endpoint is None:
            return None if in_doubt else self._close(entry, now)
        states = {one.state for one in endpoint.deployments}
        if states - {Serving.STOPPED}:
            self._stop(entry, endpoint, states, now)
        elif states or not in_doubt:
            self._remove(entry, endpoint, now)
        return None

    def _stop(self, entry: Entry, endpoint: Endpoint, states: set[Serving], now: int) -> None:
        """Asked again until it reads stopped: that it was acknowledged means nothing."""
        entry = self._noted(entry, states, now)
        asked = self._again.times(f"stop {entry.name}")
        wait_ms = STOPPING_MS if states <= _ENDING else 0
        if self._again.due(f"stop {entry.name}", now, at_least_ms=wait_ms):
            if entry.asked:
                self._ledger.move(entry.name, asked=None)
            self._endpoints.stop(endpoint)
        elif asked and states <= _UNCLEAR:
            with contextlib.suppress(HintrelayError):
                self._remove(entry, endpoint, now)

    def _noted(self, entry: Entry, states: set[Serving], now: int) -> Entry:
        """When it ended, by our clock; forgotten where it runs again after all."""
        if entry.begun and bool(entry.halted) == (Serving.READY in states):
            self._ledger.move(entry.name, halted=None if entry.halted else now)
            return self._ledger.find(entry.name) or entry
        return entry

    def _remove(self, entry: Entry, endpoint: Endpoint, now: int) -> None:
        entry = self._noted(entry, set(), now)
        told = self._told(entry, endpoint)
        if told is None and endpoint.deployments and self._again.times(f"spans {entry.name}") < ASKED_FOR_SPANS:
            self._again.due(f"spans {entry.name}", now)
            return
        if told is not None:
            self._ledger.move(entry.name, minutes=told, counted=None)
        if self._again.due(f"delete {entry.name}", now):
            self._endpoints.delete(endpoint)

    def _told(self, entry: Entry, endpoint: Endpoint) -> int | None:
        """The platform's minutes; None where it does not tell them, or not yet."""
        try:
            spans = self._catalog.spans(endpoint)
        except HintrelayError as exc:
            log.warning("endpoint_minutes_not_read", endpoint=entry.name, reason=exc.message)
            return None
        if any(ended is None for _, ended in spans) or (entry.begun and not spans):
            return None
        return sum(map(minutes, spans))

    def _close(self, entry: Entry, now: int) -> int | None:
        """Its minutes are the platform's where it told them, else ours, from when it read as ready until it did not."""
        ran, counted = entry.minutes, entry.counted
        if ran is None:
            ran = minutes((entry.begun, entry.halted or now)) if entry.begun else 0
            counted = "here" if entry.begun else ""
        if not self._ledger.close(entry, ran, counted=counted):
            return None
        for what in ("stop", "spans", "delete"):
            self._again.forget(f"{what} {entry.name}")
        return ran


def minutes(span: tuple[int, int | None]) -> int:
    """Minutes begun between two times in ms."""
    begun, ended = span
    return math.ceil(max(0, (ended or begun) - begun) / MINUTE_MS)
