"""Which messages may come in: any, or, with keys, only signed ones, young, and each once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from common import signing
from common.connection import Client
from common.errors import InvalidMessage
from common.keys import Keys
from common.messages import Envelope, open_envelope
from common.signing import Opened

SPENT = b"spent"


class Doorkeeper:
    """Opens envelopes. `redis` answers bytes; it is the broker, whose clock and memory count for all readers."""

    def __init__(self, redis: Client, keys: Sequence[str], age_s: float) -> None:
        self._redis = redis
        self._keys = tuple(keys)
        self._age_ms = int(age_s * 1000)

    def open(self, raw: bytes) -> Envelope:
        """Raises InvalidMessage with the reason, RedisError when the nonce could not be looked up."""
        if not self._keys:
            return open_envelope(raw)
        seconds, micros = self._redis.time()
        now_ms = seconds * 1000 + micros // 1000

        def verify(task: str, kwargs: dict[str, Any]) -> Opened:
            opened = signing.verify(task, kwargs, self._keys, now_ms=now_ms, age_ms=self._age_ms)
            self._take(opened.nonce, raw)
            return opened

        return open_envelope(raw, verify)

    def _take(self, nonce: str, raw: bytes) -> None:
        """The same envelope may come again until it is spent: its reader may have died over it."""
        mine = hashlib.sha256(raw).hexdigest().encode()
        kept_ms = 2 * self._age_ms + 1000  # signed the age ahead of now, a message is good for twice the age
        seen = self._redis.set(Keys.nonce(nonce), mine, nx=True, get=True, px=kept_ms)
        if seen is not None and seen != mine:
            raise InvalidMessage("the message is a replay: its nonce was used before")

    def spend(self, nonce: str, pipe: Client) -> None:
        """Together with the removal of the envelope, so that neither happens alone."""
        pipe.set(Keys.nonce(nonce), SPENT, xx=True, keepttl=True)
