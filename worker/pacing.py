"""How fast requests are sent, shared by all workers and machines: one pace for each account and kind of request.

While the platform takes everything, a request costs nothing here: each process looks at the shared pace a few times a
second. Once it refuses one (429, or 503 with Retry-After), all slow down to what went through; see common/lua/pace.lua
for how the rate grows again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import structlog
from redis.exceptions import RedisError

from common.connection import Client
from common.errors import Busy
from common.keys import Keys
from common.scripts import Scripts

log = structlog.get_logger(__name__)

LOOK_S = 0.25  #: between two looks at a pace that lets everything through
LONGEST_WAIT_S = 2.0  #: in a worker; who would wait longer goes back to `due`
REFUSED_PAUSE_S = 0.5  #: where a refusal names no time
LONGEST_PAUSE_S = 3600.0
PLATFORM = "platform"  #: the kind of all requests that no model answers


class Pace(Protocol):
    """What an adapter asks before it sends a request, and tells after it."""

    def before(self) -> None:
        """Wait for a place, briefly. Raises Busy where that takes longer."""

    def after(self, status: int, headers: Mapping[str, str], after_s: float | None) -> None:
        """What was answered; `after_s` is its Retry-After in seconds."""


class Unpaced:
    """Everything goes, and nothing is learnt: for one process alone."""

    def before(self) -> None:
        return None

    def after(self, status: int, headers: Mapping[str, str], after_s: float | None) -> None:
        return None


class SharedPace:
    """One pace, in Redis. `cap` is a fixed limit in requests a second, or None."""

    def __init__(
        self,
        scripts: Scripts,
        name: str,
        cap: float | None,
        *,
        now_ms: Callable[[], int] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._scripts = scripts
        self.name = name
        self._cap = "" if cap is None else cap
        self._now_ms = now_ms  #: tests' own; else Redis's clock counts
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_until = 0.0
        self._sent = 0  #: requests that the shared pace has not been told of

    def before(self) -> None:
        with self._lock:
            if self._seconds() < self._free_until:
                self._sent += 1
                return
            sent, self._sent = self._sent, 0
        word, *more = self._ask(sent)
        if word == "free":
            with self._lock:
                self._free_until = self._seconds() + LOOK_S
                self._sent += 1
            return
        wait_s, rate = int(more[0]) / 1000, str(more[1])
        if word == "busy":
            raise Busy(_words(self.name, rate), after_s=wait_s)
        if wait_s > 0:
            self._sleep(wait_s)

    def after(self, status: int, headers: Mapping[str, str], after_s: float | None) -> None:
        reset_s = _number(headers.get("x-ratelimit-reset"))
        if status == 429 or (status == 503 and after_s is not None):
            wait_s = after_s if after_s is not None else reset_s
            self._slow_down("refused", REFUSED_PAUSE_S if wait_s is None else wait_s)
        elif reset_s and _number(headers.get("x-ratelimit-remaining")) == 0:
            self._slow_down("spent", reset_s)

    def _now(self) -> int | str:
        return self._now_ms() if self._now_ms else ""

    def _seconds(self) -> float:
        return self._now_ms() / 1000 if self._now_ms else time.monotonic()

    def _ask(self, sent: int) -> list[Any]:
        try:
            args = [self._now(), self._cap, sent, int(LONGEST_WAIT_S * 1000)]
            answer: list[Any] = self._scripts.pace(keys=[Keys.pace(self.name)], args=args)
        except RedisError as exc:  # the stage will notice for itself
            log.debug("pace_not_read", pace=self.name, reason=str(exc)[:200])
            return ["free"]
        return answer

    def _slow_down(self, why: str, pause_s: float) -> None:
        with self._lock:
            sent, self._sent, self._free_until = self._sent, 0, 0.0
        pause_ms = int(min(max(pause_s, 0.0), LONGEST_PAUSE_S) * 1000)
        try:
            keys = [Keys.pace(self.name), Keys.paces]
            rate = self._scripts.slow_down(keys=keys, args=[self._now(), self.name, pause_ms, why, sent])
        except RedisError as exc:
            log.debug("pace_not_told", pace=self.name, reason=str(exc)[:200])
            return
        if why == "refused":
            log.info("slowed_down", pace=self.name, rate=rate, pause_s=round(pause_s, 2))


class Paces:
    """The paces of one account (a fingerprint of URL and key): of the platform, and of each model by its name."""

    def __init__(
        self, client: Client, account: str, *, platform_rps: float | None = None, model_rps: float | None = None
    ) -> None:
        self._scripts = Scripts(client)
        self._account = account
        self._caps = (platform_rps, model_rps)
        self._lock = threading.Lock()
        self._known: dict[str, SharedPace] = {}

    def of_platform(self) -> Pace:
        return self._of(PLATFORM, self._caps[0])

    def of_model(self, model: str) -> Pace:
        return self._of(f"model:{model}", self._caps[1])

    def _of(self, kind: str, cap: float | None) -> Pace:
        with self._lock:
            if kind not in self._known:
                if len(self._known) > 1000:  # a worker that lives for months meets many models
                    self._known.clear()
                self._known[kind] = SharedPace(self._scripts, f"{self._account}:{kind}", cap)
            return self._known[kind]


def _words(name: str, rate: str) -> str:
    kind = name.partition(":")[2]
    who = "the platform" if kind == PLATFORM else f"the model {kind.partition(':')[2]}"
    if float(rate or 0) > 0:
        return f"{who} takes {float(rate):g} requests a second of this account just now"
    return f"{who} asked for a pause"


def _number(text: str | None) -> float | None:
    """A header's number; a trailing s or ms is of its unit."""
    try:
        if text is None:
            return None
        return float(text[:-2]) / 1000 if text.endswith("ms") else float(text.removesuffix("s"))
    except ValueError:
        return None
