"""How fast requests are sent, shared by all workers and machines: one pace for each account and kind of request.

While the platform takes everything, a request costs nothing here: each process looks at the shared pace a few times a
second. Once it refuses one (429, or 503 with Retry-After), all slow down; see common/lua/parts/rate.lua for how the
rate grows again.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog
from redis.exceptions import RedisError

from common.connection import Client
from common.errors import Busy
from common.keys import Keys
from common.scripts import Scripts

log = structlog.get_logger(__name__)

LOOK_S = 0.25  #: between two looks at a pace that lets everything through
LONGEST_WAIT_S = 2.0  #: for a place, in a worker; who would wait longer goes back to `due`
ASK_AGAIN_S = 1.0  #: who has patience for more than that asks for a place so often
REFUSED_PAUSE_S = 0.5  #: where a refusal names no time
LONGEST_PAUSE_S = 3600.0
PLATFORM = "platform"  #: the kind of all requests that no model answers


class Pace(Protocol):
    """What an adapter asks before it sends a request, and tells after it."""

    def before(self, patience_s: float = LONGEST_WAIT_S) -> None:
        """Wait for a place. Raises Busy where that takes longer than `patience_s`."""

    def after(self, status: int, headers: Mapping[str, str], after_s: float | None) -> None:
        """What was answered; `after_s` is its Retry-After in seconds."""


class Unpaced:
    """Everything goes, and nothing is learnt: for one process alone."""

    def before(self, patience_s: float = LONGEST_WAIT_S) -> None:
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
        self._paused_until = 0.0  #: as far as this process was told
        self._sent = 0  #: requests that the shared pace has not been told of

    def before(self, patience_s: float = LONGEST_WAIT_S) -> None:
        until = self._seconds() + patience_s
        while True:
            sent = self._freely()
            if sent is None:
                return
            word, wait_s, rate = self._ask(sent, until - self._seconds())
            if word == "busy":
                raise Busy(_words(self.name, rate), after_s=wait_s, pace=self.name)
            if word == "later":
                self._sleep(min(wait_s, ASK_AGAIN_S))
            elif self._came(word, wait_s):
                return

    def room(self, within_s: float) -> int | None:
        """How many more requests have a place within that time; None: any number."""
        word, wait_s, rate = self._ask(0, 0.0, look=True)
        return None if word == "free" else max(0, math.ceil((within_s - wait_s) * rate))

    def _freely(self) -> int | None:
        """None: the request goes. Else how many were sent since the shared pace was asked."""
        with self._lock:
            if self._seconds() < self._free_until:
                self._sent += 1
                return None
            sent, self._sent = self._sent, 0
            return sent

    def _came(self, word: str, wait_s: float) -> bool:
        """Wait for the place that was given. False when a pause has begun meanwhile that outlasts it."""
        if word == "free":
            with self._lock:
                self._free_until = self._seconds() + LOOK_S
                self._sent += 1
        elif wait_s > 0:
            known = self._paused_until
            self._sleep(wait_s)
            return self._paused_until <= known or self._seconds() >= self._paused_until
        return True

    def after(self, status: int, headers: Mapping[str, str], after_s: float | None) -> None:
        reset_s = _number(headers.get("x-ratelimit-reset"))
        if reset_s is not None and reset_s > LONGEST_PAUSE_S:  # no duration: some services tell a date there
            reset_s = None
        if status == 429 or (status == 503 and after_s is not None):
            self._slow_down("refused", _pause(after_s, reset_s))
        elif reset_s and _number(headers.get("x-ratelimit-remaining")) == 0:
            self._slow_down("spent", reset_s)

    def _now(self) -> int | str:
        return self._now_ms() if self._now_ms else ""

    def _seconds(self) -> float:
        return self._now_ms() / 1000 if self._now_ms else time.monotonic()

    def _ask(self, sent: int, patience_s: float, *, look: bool = False) -> tuple[str, float, float]:
        """(the word of pace.lua, seconds to wait, requests a second)."""
        patience_ms = int(patience_s * 1000)
        longest_ms = min(int(LONGEST_WAIT_S * 1000), patience_ms)
        args = [self._now(), self._cap, sent, longest_ms, patience_ms, "look" if look else ""]
        try:
            word, *more = self._scripts.pace(keys=[Keys.pace(self.name)], args=args)
        except RedisError as exc:  # the stage will notice for itself
            log.debug("pace_not_read", pace=self.name, reason=str(exc)[:200])
            return "free", 0.0, 0.0
        return (word, int(more[0]) / 1000, float(more[1])) if more else (word, 0.0, 0.0)

    def _slow_down(self, why: str, pause_s: float) -> None:
        pause_s = min(max(pause_s, 0.0), LONGEST_PAUSE_S)
        with self._lock:
            sent, self._sent, self._free_until = self._sent, 0, 0.0
            self._paused_until = max(self._paused_until, self._seconds() + pause_s)
        pause_ms = int(pause_s * 1000)
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

    def room(self, name: str, within_s: float) -> int | None:
        """As SharedPace.room, of the pace that a Busy names."""
        return SharedPace(self._scripts, name, self._cap_of(name)).room(within_s)

    def _cap_of(self, name: str) -> float | None:
        return self._caps[0] if name.endswith(f":{PLATFORM}") else self._caps[1]

    def _of(self, kind: str, cap: float | None) -> Pace:
        with self._lock:
            if kind not in self._known:
                if len(self._known) > 1000:  # a worker that lives for months meets many models
                    self._known.clear()
                self._known[kind] = SharedPace(self._scripts, f"{self._account}:{kind}", cap)
            return self._known[kind]


def _words(name: str, rate: float) -> str:
    kind = name.partition(":")[2]
    who = "the platform" if kind == PLATFORM else f"the model {kind.partition(':')[2]}"
    if rate > 0:
        return f"{who} takes {rate:g} requests a second of this account just now"
    return f"{who} asked for a pause"


def _pause(after_s: float | None, reset_s: float | None) -> float:
    """What a refusal asks for. Retry-After is in whole seconds: where the reset rounds up to it, that is meant."""
    if after_s is None:
        return REFUSED_PAUSE_S if reset_s is None else reset_s
    if reset_s is not None and 0 <= after_s - reset_s < 1:
        return reset_s
    return after_s


def _number(text: str | None) -> float | None:
    """A header's number, None for what is none, or below 0; a trailing s or ms is of its unit."""
    text = text or ""
    try:
        number = float(text[:-2]) / 1000 if text.endswith("ms") else float(text.removesuffix("s"))
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
