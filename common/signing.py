"""Signed messages: who has the key may send. The exact text is signed, so that no language has to write JSON alike."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import InvalidMessage
from common.spec_errors import quoted

NONCE = re.compile(r"[A-Za-z0-9_-]{16,64}")
MAC = re.compile(r"[0-9a-f]{64}")
MEMBERS = {"signed", "auth"}  #: of the kwargs of a signed message, and no others
PARTS = {"at", "nonce", "mac"}  #: of `auth`


def sign(
    task: str, kwargs: Mapping[str, Any], key: str, *, at_ms: int | None = None, nonce: str | None = None
) -> dict[str, Any]:
    """The kwargs to send instead of `kwargs`. Each message needs its own: a nonce is taken once."""
    text = json.dumps(kwargs)
    at = int(time.time() * 1000) if at_ms is None else at_ms
    nonce = secrets.token_urlsafe(16) if nonce is None else nonce
    return {"signed": text, "auth": {"at": at, "nonce": nonce, "mac": mac(task, at, nonce, text, key)}}


def mac(task: str, at_ms: int, nonce: str, text: str, key: str) -> str:
    """HMAC-SHA256 in hex. The parts before `text` can hold no line end, so no two messages have one text in common."""
    return hmac.new(key.encode(), f"{task}\n{at_ms}\n{nonce}\n{text}".encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Opened:
    """Kwargs that may be believed, as JSON text; the nonce is still to be looked up."""

    text: str
    nonce: str


def is_signed(kwargs: Mapping[str, Any]) -> bool:
    return not MEMBERS.isdisjoint(kwargs)


def verify(task: str, kwargs: Mapping[str, Any], keys: Sequence[str], *, now_ms: int, age_ms: int) -> Opened:
    """What was signed with one of `keys`, at most `age_ms` from now. Raises InvalidMessage; never tells a MAC."""
    text, auth = kwargs.get("signed"), kwargs.get("auth")
    if set(kwargs) != MEMBERS or not isinstance(text, str) or not isinstance(auth, dict) or set(auth) != PARTS:
        raise InvalidMessage(
            "only signed messages are accepted here: kwargs must be {signed, auth: {at, nonce, mac}} (docs/messages.md)"
        )
    at, nonce, given = auth["at"], auth["nonce"], auth["mac"]
    if type(at) is not int:  # a bool is one too, for isinstance
        raise InvalidMessage(f"auth.at must be ms since 1970, a whole number, not {quoted(at)}")
    if not isinstance(nonce, str) or not NONCE.fullmatch(nonce):
        raise InvalidMessage("auth.nonce must be 16 to 64 of letters, digits, - and _")
    if not isinstance(given, str) or not MAC.fullmatch(given):
        raise InvalidMessage("auth.mac must be 64 hex digits in lower case")
    try:
        matches = [hmac.compare_digest(mac(task, at, nonce, text, key), given) for key in keys]
    except (UnicodeEncodeError, ValueError) as exc:  # a lone surrogate; a number of thousands of digits
        raise InvalidMessage("the signed text cannot be written in UTF-8") from exc
    if not any(matches):
        raise InvalidMessage("the signature is wrong: another key, another task, or the text was altered")
    if abs(now_ms - at) > age_ms:
        when = "old" if at < now_ms else "far ahead"
        raise InvalidMessage(
            f"the message is too {when}: signed {abs(now_ms - at) / 1000:.0f} s {'ago' if at < now_ms else 'from now'},"
            f" by Redis's clock; {age_ms / 1000:.0f} s are allowed"
        )
    return Opened(text, nonce)
