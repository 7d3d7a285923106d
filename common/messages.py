"""What other programs may send to `hintrelay.inbox`: Celery's protocol-2 envelopes, checked strictly."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from common.errors import InvalidMessage
from common.names import batch_name, deployment_name, idempotency_key
from common.signing import Opened, is_signed
from common.spec_errors import quoted, sentence

#: (task, kwargs) -> what was signed. Raises InvalidMessage for a message that is not, or not well
Verify = Callable[[str, dict[str, Any]], Opened]

MAX_MESSAGE_BYTES = 1 << 20  #: of one envelope; a spec is a few hundred bytes


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    v: Literal[1] = 1  #: version of the message contract


JobRef = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9a-fA-F]+$")]


class Submit(_Message):
    """Store a spec's jobs and start them."""

    spec: dict[str, Any]
    key: Annotated[str, AfterValidator(idempotency_key)] | None = None
    batch: Annotated[str, AfterValidator(batch_name)] | None = None


class RegisterDeployment(_Message):
    """A job's model answers under this name. Early, late and twice are fine."""

    job: JobRef
    name: Annotated[str, AfterValidator(deployment_name)]


class Cancel(_Message):
    """Nobody wants the job any more."""

    job: JobRef


class Retry(_Message):
    """Take a failed job up again from the stage that failed."""

    job: JobRef


CONTRACTS: dict[str, type[_Message]] = {
    "hintrelay.submit": Submit,
    "hintrelay.register_deployment": RegisterDeployment,
    "hintrelay.cancel": Cancel,
    "hintrelay.retry": Retry,
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """An accepted message: what to do, and who sent it (as it says itself). `nonce` is of a signed one, else empty."""

    id: str
    task: str
    message: Submit | RegisterDeployment | Cancel | Retry
    origin: str
    nonce: str = ""


def open_envelope(raw: bytes, verify: Verify | None = None) -> Envelope:
    """The message in what somebody pushed on the list; with `verify` only a signed one. Raises InvalidMessage."""
    if len(raw) > MAX_MESSAGE_BYTES:
        raise InvalidMessage(f"the message has {len(raw)} bytes; at most {MAX_MESSAGE_BYTES} are allowed")
    outer = _object(_json(raw, "the envelope"), "the envelope")
    headers = _object(outer.get("headers"), "headers")
    if outer.get("content-type") != "application/json":
        raise InvalidMessage(f"content-type must be application/json, not {quoted(outer.get('content-type'))}")
    task, message_id = headers.get("task"), headers.get("id")
    if not isinstance(message_id, str) or not message_id or len(message_id) > 200:
        raise InvalidMessage("headers.id must be a text of 1 to 200 characters")
    if not isinstance(task, str) or task not in CONTRACTS:
        raise InvalidMessage(f"there is no task {quoted(task)}; known are {', '.join(CONTRACTS)}")
    _check_times(headers)
    kwargs, nonce = _believed(task, _kwargs(_body(outer), task), verify)
    try:
        message = CONTRACTS[task].model_validate(kwargs)
    except ValidationError as exc:
        raise InvalidMessage(f"{task}: {sentence(exc, CONTRACTS[task])}") from exc
    origin = headers.get("origin")
    origin = origin[:100] if isinstance(origin, str) else ""
    return Envelope(message_id, task, message, origin, nonce)  # type: ignore[arg-type]  # the four of CONTRACTS


def _believed(task: str, kwargs: dict[str, Any], verify: Verify | None) -> tuple[dict[str, Any], str]:
    if verify is None:
        if is_signed(kwargs):
            raise InvalidMessage("the message is signed, and no HINTRELAY_MESSAGE_KEY is set here to check it with")
        return kwargs, ""
    opened = verify(task, kwargs)
    return _object(_json(opened.text.encode(), "the signed text"), "the signed text"), opened.nonce


def _body(outer: dict[str, Any]) -> Any:
    body = outer.get("body")
    if not isinstance(body, str):
        raise InvalidMessage("body must be a text")
    properties = _object(outer.get("properties", {}), "properties")
    encoding = properties.get("body_encoding")
    if encoding == "base64":
        try:
            raw = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError) as exc:
            raise InvalidMessage(f"body is not base64: {exc}") from exc
        return _json(raw, "the body")
    if encoding is not None:
        raise InvalidMessage(f"properties.body_encoding must be base64 or absent, not {quoted(encoding)}")
    return _json(body.encode("utf-8", "surrogatepass"), "the body")


def _kwargs(body: Any, task: str) -> dict[str, Any]:
    if not isinstance(body, list) or len(body) != 3:
        raise InvalidMessage("the body must be [args, kwargs, embed] (Celery's protocol 2)")
    args, kwargs, embed = body
    if args:
        raise InvalidMessage(f"{task} takes keyword arguments only; args must be []")
    if not isinstance(kwargs, dict):
        raise InvalidMessage("kwargs must be an object")
    named = [name for name, value in _object({} if embed is None else embed, "embed").items() if value]
    if named:
        raise InvalidMessage(f"the inbox runs no {quoted(named[0])}: send one message for each wish")
    return kwargs


def _check_times(headers: dict[str, Any]) -> None:
    if headers.get("eta"):
        raise InvalidMessage("the inbox knows no eta or countdown: send the message when it is due")
    expires = headers.get("expires")
    if not expires:
        return
    try:
        at = datetime.fromisoformat(expires)
    except (TypeError, ValueError) as exc:
        raise InvalidMessage(f"headers.expires is not a time in ISO 8601: {quoted(expires)}") from exc
    if (at if at.tzinfo else at.replace(tzinfo=UTC)) < datetime.now(UTC):
        raise InvalidMessage(f"the message expired at {expires}")


def _json(raw: bytes, what: str) -> Any:
    try:
        return json.loads(raw.decode("utf-8"))
    except RecursionError as exc:
        raise InvalidMessage(f"{what} is nested too deeply") from exc
    except ValueError as exc:  # UnicodeDecodeError is one
        raise InvalidMessage(f"{what} is not JSON in UTF-8: {exc}"[:300]) from exc


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidMessage(f"{what} must be an object, not {quoted(value)}")
    return value
