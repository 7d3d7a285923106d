"""What every call to Together has in common: its errors in our words, and answers read as raw JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import httpx
import orjson
import together

from common.errors import Busy, HintrelayError, Transient
from worker.adapters.together_errors import definite_refusal, translate
from worker.ports import InDoubt

T = TypeVar("T")


def do(call: Callable[[], T]) -> T:
    """A call that may be repeated. Raises Transient or Permanent."""
    try:
        return call()
    except together.TogetherError as exc:
        raise translate(exc) from exc
    except httpx.HTTPError as exc:
        raise Transient(f"the connection to the platform broke: {exc!r}", code="connection") from exc


def once(call: Callable[[], T], what: str) -> T:
    """A call that has an effect and is made once. Raises InDoubt unless the platform surely refused it; with a time to
    wait where it says that it has no room just now."""
    try:
        return call()
    except together.TogetherError as exc:
        if definite_refusal(exc):
            raise translate(exc) from exc
        told = translate(exc)
        after_s = told.after_s if isinstance(told, Busy) else None
        raise InDoubt(f"no clear answer to {what}: {told.message}", after_s=after_s) from exc
    except httpx.HTTPError as exc:
        raise InDoubt(f"no clear answer to {what}: {exc!r}") from exc


def json_object(response: httpx.Response) -> dict[str, Any]:
    """The JSON object that an answer holds. Raises Transient for anything else."""
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError as exc:
        kind = response.headers.get("content-type", "no content type")
        raise Transient(f"the platform answered with something else than JSON ({kind})", code="odd_answer") from exc
    if not isinstance(body, dict):
        raise Transient(f"the platform answered with {type(body).__name__} instead of an object", code="odd_answer")
    return body


def is_conflict(exc: HintrelayError) -> bool:
    """Whether the platform said 409: what was asked for is there already."""
    return isinstance(exc.__cause__, together.ConflictError)
