"""Dead letters: what could not be accepted, kept with its reason."""

from __future__ import annotations

import base64
import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

from common.connection import Client, reaching
from common.errors import NotFound
from common.keys import Keys

KEPT_BYTES = 64 * 1024  #: of one letter; what is longer is cut, its length told
KEPT_LETTERS = 10_000  #: more are not kept: an endless stream of garbage must not fill Redis


@dataclass(frozen=True, slots=True)
class Letter:
    """`body` is what arrived, as bytes, cut at 64 KiB; `size` its full length in bytes; `at` ms since 1970."""

    id: str
    reason: str
    at: int
    size: int
    body: bytes

    def dump(self) -> dict[str, Any]:
        """As JSON values; bytes that are not UTF-8 are escaped."""
        text = self.body.decode("utf-8", "backslashreplace")
        return {"id": self.id, "reason": self.reason, "at": self.at, "size": self.size, "body": text}


class DeadLetters:
    """The hash `hintrelay:dead`."""

    def __init__(self, client: Client, url: str = "") -> None:
        self._client = client
        self._url = url

    def file(self, body: bytes, reason: str) -> str:
        """Keep a message that cannot be accepted; the new letter's id."""
        letter_id = secrets.token_hex(4)
        value = {
            "reason": reason,
            "at": int(time.time() * 1000),
            "size": len(body),
            "body": base64.b64encode(body[:KEPT_BYTES]).decode(),
        }
        with reaching(self._url):
            if self._client.hlen(Keys.dead) < KEPT_LETTERS:
                self._client.hset(Keys.dead, letter_id, json.dumps(value))
        return letter_id

    def all(self) -> list[Letter]:
        """Every letter, oldest first."""
        with reaching(self._url):
            rows = self._client.hgetall(Keys.dead)
        return sorted((_letter(i, v) for i, v in rows.items()), key=lambda letter: letter.at)

    def get(self, letter_id: str) -> Letter:
        """Raises NotFound."""
        with reaching(self._url):
            value = self._client.hget(Keys.dead, letter_id)
        if value is None:
            raise NotFound(f"there is no dead letter {letter_id}", hint="hintrelay dead ls shows them")
        return _letter(letter_id, value)

    def remove(self, letter_id: str) -> None:
        with reaching(self._url):
            self._client.hdel(Keys.dead, letter_id)


def _letter(letter_id: str, value: str) -> Letter:
    raw = json.loads(value)
    return Letter(letter_id, raw["reason"], raw["at"], raw["size"], base64.b64decode(raw["body"]))
