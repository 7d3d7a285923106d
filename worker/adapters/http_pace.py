"""The pace of an SDK's requests: one call of the SDK may send several, and each takes a place of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import httpx

from common.errors import Busy
from worker.adapters.together_errors import learn
from worker.pacing import Pace

MIDDLE_WAIT_S = 6.0  #: for the further requests of a call, which nobody begins when he would wait 2 s for the first


class HttpPace:
    """`before` a call of the SDK; `hooks` on its httpx client. Only requests to `base_url` count."""

    def __init__(self, pace: Pace, base_url: str) -> None:
        self._pace = pace
        self._base_url = base_url
        self._local = threading.local()
        self.hooks: dict[str, list[Callable[..., Any]]] = {"request": [self._sends], "response": [self._answered]}

    def before(self) -> None:
        """Wait for the place of the call's first request, briefly. Raises Busy where that takes longer."""
        self._pace.before()
        self._local.has_place = True

    def _sends(self, request: httpx.Request) -> None:
        """In the middle of a call there is no going back to `due`: what was begun is waited for a little longer."""
        if not self._counts(request):
            return
        if getattr(self._local, "has_place", False):
            self._local.has_place = False
            return
        with contextlib.suppress(Busy):  # where there is a long pause it goes all the same, and may be refused
            self._pace.before(MIDDLE_WAIT_S)

    def _answered(self, response: httpx.Response) -> None:
        if self._counts(response.request):
            learn(self._pace, response)

    def _counts(self, request: httpx.Request) -> bool:
        return str(request.url).startswith(self._base_url)
