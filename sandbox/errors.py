"""The platform's error shape, and answers in JSON."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

#: status -> (type, code) of an error that does not say better
KINDS: dict[int, tuple[str, str | None]] = {
    400: ("invalid_request_error", "invalid_request"),
    401: ("authentication_error", "invalid_api_key"),
    402: ("billing_error", "insufficient_balance"),
    403: ("permission_error", "forbidden"),
    404: ("invalid_request_error", "not_found"),
    405: ("invalid_request_error", "method_not_allowed"),
    409: ("invalid_request_error", "conflict"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}
SERVER_KIND = ("server_error", "internal_error")


class PlatformError(Exception):
    """The platform refuses: becomes an answer in its error shape."""

    def __init__(self, status: int, message: str, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param


def error_body(status: int, message: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """`{"error": {message, type, param, code}}`, type and code by status unless given."""
    kind, usual_code = KINDS.get(status, SERVER_KIND)
    return {"error": {"message": message, "type": kind, "param": param, "code": code or usual_code}}


def answer(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer in JSON."""
    body = orjson.dumps(data)
    return web.Response(body=body, status=status, headers=headers, content_type="application/json", charset="utf-8")


def error_answer(error: PlatformError) -> web.Response:
    """The answer that a refusal becomes."""
    return answer(error_body(error.status, error.message, error.code, error.param), error.status)


async def json_object(request: web.Request) -> dict[str, Any]:
    """The request's body, which must be a JSON object."""
    data = await json_value(request)
    if not isinstance(data, dict):
        raise PlatformError(400, "the body must be a JSON object")
    return data


async def json_value(request: web.Request) -> Any:
    """The request's body, which must be JSON; an empty one is an empty object."""
    raw = await request.read()
    if not raw:
        return {}
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as exc:
        raise PlatformError(400, f"the body is not JSON: {exc}") from exc
