"""The control side, /sandbox: a person's clicks in the web console, and what tests see and move."""

from dataclasses import asdict

from aiohttp import web

from .clock import iso
from .core import platform
from .errors import PlatformError, answer, json_object, json_value
from .faults import parse_faults
from .rates import Rates, parse_rates


async def health(request: web.Request) -> web.Response:
    """That it is there."""
    return answer({"ok": True})


async def requests(request: web.Request) -> web.Response:
    """The log of requests after number `since`."""
    since = request.query.get("since", "0")
    if not since.isdecimal():
        raise PlatformError(400, "since must be a number", param="since")
    log = platform(request).log
    return answer({"requests": log.since(int(since)), "last": log.last})


async def counts(request: web.Request) -> web.Response:
    """How often each route was asked for."""
    return answer(platform(request).log.counts())


async def add_faults(request: web.Request) -> web.Response:
    """Add faults after those in force."""
    try:
        faults = parse_faults(await json_value(request))
    except ValueError as exc:
        raise PlatformError(400, str(exc)) from exc
    platform(request).faults.all.extend(faults)
    return await list_faults(request)


async def list_faults(request: web.Request) -> web.Response:
    """The faults in force or spent, with how often they matched and struck."""
    return answer([fault.as_json() for fault in platform(request).faults.all])


async def clear_faults(request: web.Request) -> web.Response:
    """No faults from here on; what they did to runs and files stays."""
    platform(request).faults.all.clear()
    return answer([])


async def set_limits(request: web.Request) -> web.Response:
    """Limit how many requests a second are taken."""
    try:
        rates = parse_rates(await json_object(request))
    except ValueError as exc:
        raise PlatformError(400, str(exc)) from exc
    platform(request).limiter.set(rates)
    return await tell_limits(request)


async def tell_limits(request: web.Request) -> web.Response:
    """The limits in force, and how many requests they refused."""
    return answer(platform(request).limiter.as_json())


async def lift_limits(request: web.Request) -> web.Response:
    """No limits from here on."""
    platform(request).limiter.set(Rates())
    return await tell_limits(request)


async def tell_time(request: web.Request) -> web.Response:
    """The platform's time."""
    clock = platform(request).clock
    return answer({"now": iso(clock.now()), "ahead": clock.ahead, "speed": clock.speed, "rate": clock.rate})


async def advance(request: web.Request) -> web.Response:
    """Move the platform's time on."""
    seconds = (await json_object(request)).get("advance")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds < 0:
        raise PlatformError(400, "advance must be a number of seconds, not negative", param="advance")
    platform(request).advance(seconds)
    return await tell_time(request)


async def bill(request: web.Request) -> web.Response:
    """What the endpoints have cost by now, minute by minute begun."""
    return answer(platform(request).endpoints.bill())


async def declare(request: web.Request) -> web.Response:
    """Deploy a model under a name, as a person does in the web console."""
    asked = await json_object(request)
    name, model = asked.get("name"), asked.get("model")
    if not isinstance(name, str) or not name or not (model is None or isinstance(model, str)):
        raise PlatformError(400, "name must be a string that is not empty, model a string or left out")
    return answer(asdict(platform(request).names.declare(name, model)))


async def deployments(request: web.Request) -> web.Response:
    """The names declared."""
    return answer([asdict(item) for item in platform(request).names.all()])


async def withdraw(request: web.Request) -> web.Response:
    """Take a name down; it may hold slashes."""
    platform(request).names.withdraw(request.match_info["name"])
    return answer({"deleted": True})


def routes() -> list[web.RouteDef]:
    """The control routes; they ask for no key, are not logged and suffer no faults."""
    return [
        web.get("/sandbox/health", health),
        web.get("/sandbox/requests", requests),
        web.get("/sandbox/counts", counts),
        web.post("/sandbox/faults", add_faults),
        web.get("/sandbox/faults", list_faults),
        web.delete("/sandbox/faults", clear_faults),
        web.post("/sandbox/limits", set_limits),
        web.get("/sandbox/limits", tell_limits),
        web.delete("/sandbox/limits", lift_limits),
        web.get("/sandbox/clock", tell_time),
        web.post("/sandbox/clock", advance),
        web.get("/sandbox/bill", bill),
        web.post("/sandbox/deployments", declare),
        web.get("/sandbox/deployments", deployments),
        web.delete("/sandbox/deployments/{name:.+}", withdraw),
    ]
