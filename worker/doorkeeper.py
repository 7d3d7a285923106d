"""Which messages may come in: any, or, with keys, only signed ones, young, and each once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial

from common import signing
from common.connection import Client, reaching
from common.errors import InvalidMessage
from common.keys import Keys
from common.messages import Envelope, open_envelope

SPENT = b"spent"  #: instead of the envelope's digest


class Doorkeeper:
    """Opens envelopes. `redis` answers bytes; it is the broker, whose clock and memory count for all readers. `url`
    only names it in errors."""

    def __init__(self, redis: Client, keys: Sequence[str], age_s: float, url: str = "") -> None:
        self._redis = redis
        self._url = url
        self._keys = tuple(keys)
        self._age_ms = int(age_s * 1000)

    def open(self, raw: bytes) -> Envelope:
        """Raises InvalidMessage with the reason, Unreachable when Redis gives neither clock nor memory."""
        if not self._keys:
            return open_envelope(raw)
        with reaching(self._url):
            seconds, micros = self._redis.time()
        now_ms = seconds * 1000 + micros // 1000
        envelope = open_envelope(raw, partial(signing.verify, keys=self._keys, now_ms=now_ms, age_ms=self._age_ms))
        # the same envelope may come again until it is spent: its reader may have died over it
        mine = hashlib.sha256(raw).hexdigest().encode()
        kept_ms = 2 * self._age_ms + 1000  # signed the age ahead of now, a message is good for twice the age
        with reaching(self._url):
            seen = self._redis.set(Keys.nonce(envelope.nonce), mine, nx=True, get=True, px=kept_ms)
        if seen is not None and seen != mine:
            raise InvalidMessage("the message is a replay: its nonce was used before")
        return envelope

    def spend(self, nonce: str, pipe: Client) -> None:
        """The message was settled. In one transaction with its removal, so that neither happens alone."""
        pipe.set(Keys.nonce(nonce), SPENT, xx=True, keepttl=True)
