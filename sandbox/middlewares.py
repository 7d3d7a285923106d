"""What every request of the platform's side passes: log, faults, errors, key."""

import asyncio
import logging
import socket
import struct
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from aiohttp import web

from .core import ACTION, platform
from .errors import PlatformError, answer, error_answer, error_body, json_object
from .rates import Rates

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

logger = logging.getLogger(__name__)

PREFIXES = ("/v1", "/v2")
CONTROL = "/sandbox/"
#: paths that ask for no key: bytes are put at a place that only the uploader knows
KEYLESS = "/storage/"
#: longer than any client waits
HANG_SECONDS = 86_400.0
#: l_onoff, l_linger: a closed socket sends RST at once
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
HTML_PAGE = "<!doctype html><html><head><title>Just a moment...</title></head><body>Checking</body></html>"
#: key of a request: what the log says instead of the status
FATE = "fate"


def bare_path(path: str) -> str:
    """A path without its version prefix."""
    for prefix in PREFIXES:
        if path.startswith(f"{prefix}/"):
            return path[len(prefix) :]
    return path


def _template(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return "(no such route)" if resource is None else bare_path(resource.canonical)


@web.middleware
async def log_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Note every request when it has been answered or dropped."""
    if request.path.startswith(CONTROL):
        return await handler(request)
    begun = perf_counter()
    response = await handler(request)
    _note(request, request.get(FATE, response.status), perf_counter() - begun)
    return response


def _note(request: web.Request, status: int | str, seconds: float) -> None:
    log = platform(request).log
    log.add(request.method, bare_path(request.path), _template(request), status, seconds * 1000)


@web.middleware
async def inject_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let the fault that strikes a request happen to it."""
    action = {} if request.path.startswith(CONTROL) else await _action(request)
    if "delay" in action:
        await asyncio.sleep(action["delay"])
    if "hang" in action:
        _note(request, "hang", 0.0)  # now: nobody may be there at the end
        await asyncio.sleep(HANG_SECONDS)
    if action.get("reset") == "before":
        return _dropped(request)
    canned = _canned(action)
    request[ACTION] = action
    response = await handler(request) if canned is None else canned
    return _dropped(request) if action.get("reset") == "after" else response


async def _action(request: web.Request) -> dict[str, Any]:
    faults, path = platform(request).faults, bare_path(request.path)
    text = ""
    if faults.wants_body(request.method, path):
        text = (await request.read()).decode(errors="replace")
    return faults.strike(request.method, path, text)


def _canned(action: dict[str, Any]) -> web.Response | None:
    """The answer that a fault puts in place of the platform's, if it does."""
    if "html" in action:
        return web.Response(text=HTML_PAGE, content_type="text/html", status=action.get("status", 200))
    if "empty" in action:
        return answer({})
    if "status" not in action:
        return None
    status = action["status"]
    body = action.get("body", error_body(status, f"A fault of the sandbox: {status}"))
    return answer(body, status, action.get("headers"))


def _dropped(request: web.Request) -> web.Response:
    """Break the connection; the answer that this returns reaches nobody."""
    request[FATE] = "reset"
    if request.transport is not None:
        sock = request.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        request.transport.abort()
    return web.Response(status=500)


@web.middleware
async def limit_rates(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what comes too fast; uploads of bytes are not counted."""
    limiter, path = platform(request).limiter, bare_path(request.path)
    if request.path.startswith(CONTROL) or path.startswith(KEYLESS) or limiter.rates == Rates():
        return await handler(request)
    model = None
    if path == "/chat/completions":
        asked = await json_object(request)
        model = str(asked.get("model"))
    taken, headers = limiter.take(model)
    if taken:
        response = await handler(request)
    else:
        response = answer(error_body(429, "You are sending too many requests", "dynamic_request_limited"), 429)
    response.headers.update(headers)
    return response


@web.middleware
async def shape_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever goes wrong into the platform's error shape."""
    try:
        return await handler(request)
    except PlatformError as exc:
        return error_answer(exc)
    except web.HTTPException as exc:
        return answer(error_body(exc.status, f"{request.method} {request.path}: {exc.reason}"), exc.status)
    except ConnectionResetError:  # the client has left, and nobody reads an answer
        raise
    except Exception:
        logger.exception("sandbox_bug")
        return answer(error_body(500, "the sandbox has a bug; its stderr says more"), 500)


@web.middleware
async def check_key(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Ask for a bearer: the one given with --api-key, or any."""
    if not bare_path(request.path).startswith((CONTROL, KEYLESS)):
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        wanted = platform(request).options.api_key
        if scheme.lower() != "bearer" or not key.strip() or wanted not in (None, key.strip()):
            raise PlatformError(401, "Invalid API key provided")
    return await handler(request)


ALL = (log_requests, inject_faults, shape_errors, limit_rates, check_key)
