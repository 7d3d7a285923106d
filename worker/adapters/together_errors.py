"""The platform's errors into ours, branched by what the caller should do."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import together

from common.errors import Busy, HintrelayError, Permanent, Transient
from worker.pacing import Pace
from worker.ports import Absent

#: the request was understood and refused: nothing was begun
REFUSED = frozenset({400, 401, 402, 403, 404, 405, 413, 415, 422, 429})
TRANSIENT = frozenset({408, 409, 425, 429})
LONGEST_WAIT_S = 3600.0  #: a platform that asks for more is asked again by then
_CODES = {401: "authentication", 402: "insufficient_balance", 403: "forbidden"}


def not_to_repeat(response: Any) -> None:
    """An SDK is kept from repeating what was refused for the number of requests: it would wait in the worker."""
    if response.status_code == 429 or (response.status_code == 503 and response.headers.get("retry-after")):
        response.headers["x-should-retry"] = "false"


def learn(pace: Pace, response: Any) -> None:
    """Tell the pace what was answered."""
    not_to_repeat(response)
    pace.after(response.status_code, response.headers, retry_after(response))


def definite_refusal(exc: together.TogetherError) -> bool:
    """Whether the request certainly took no effect."""
    if isinstance(exc, together.APIStatusError):
        return exc.status_code in REFUSED
    if isinstance(exc, together.APIConnectionError):
        import httpx

        return isinstance(exc.__cause__, (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol))
    return False


def translate(exc: Exception) -> HintrelayError:
    """Transient (try again), Absent (404) or Permanent, with the platform's own words."""
    status = getattr(exc, "status_code", None)
    if status is None:
        return Transient(f"the platform did not answer: {_cause(exc)}", code="connection")
    words = platform_words(getattr(exc, "body", None), getattr(exc, "response", None))
    message = f"the platform answered {status}: {words}"
    if status == 404:
        return Absent(message)
    if status in TRANSIENT or status >= 500:
        after_s = retry_after(getattr(exc, "response", None))
        if status == 429 or (status == 503 and after_s is not None):
            return Busy(message, after_s=after_s)
        return Transient(message, after_s=after_s, code=_CODES.get(status, "platform"))
    return Permanent(message, code=_CODES.get(status, "platform_refused"))


def platform_words(body: Any, response: Any = None) -> str:
    """What the platform says in an error's body: its message, with its code where it gives one."""
    if isinstance(body, dict):
        inner = body.get("error", body)
        if isinstance(inner, dict):
            message = inner.get("message") or inner.get("detail") or inner.get("error")
            code = inner.get("code")
            if message:
                return f"{message} ({code})"[:1000] if code else str(message)[:1000]
        elif isinstance(inner, str):
            return inner[:1000]
    text = body if isinstance(body, str) else getattr(response, "text", "")
    if text and not text.lstrip().startswith("<"):
        return " ".join(text.split())[:500]
    return "no words" if not text else "a page of HTML"


def retry_after(response: Any) -> float | None:
    """Seconds that a Retry-After header asks for, be it a number or a date; None without one that is either."""
    value = response.headers.get("retry-after") if response is not None else None
    if not value:
        return None
    try:
        wait_s = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return None
        wait_s = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
    return None if math.isnan(wait_s) else min(max(wait_s, 0.0), LONGEST_WAIT_S)


def _cause(exc: Exception) -> str:
    cause = exc.__cause__ or exc
    return f"{type(cause).__name__} {cause}".strip()[:300]
