"""HTTP of the dedicated endpoints (v2), of what can serve a model, and the refusal of the old ones (v1)."""

import re
from collections.abc import Callable
from typing import Any

from aiohttp import web

from . import catalog
from .core import action_of, platform
from .endpoint_views import deployment_view, endpoint_view, events_view
from .errors import PlatformError, answer, json_object
from .limits import MODELS

MOST_LISTED = 500
FILTER = re.compile(r'name\s*(=|:)\s*"?([^"\s]*)"?')
CLOSED = "Creating v1 dedicated endpoints is disabled for this account; use v2 endpoints"


async def closed(request: web.Request) -> web.Response:
    """v1: no new endpoints."""
    raise PlatformError(403, CLOSED, "endpoints_v1_create_access_disabled")


async def none_left(request: web.Request) -> web.Response:
    """v1: none were made here."""
    return answer({"object": "list", "data": []})


async def create(request: web.Request) -> web.Response:
    """A name to send requests to; costs nothing yet."""
    parts, asked = _parts(request), await json_object(request)
    lag = action_of(request).get("lag", 0)
    return _endpoint(request, parts.endpoints.create(asked.get("name"), str(asked.get("visibility") or ""), lag).id)


async def list_all(request: web.Request) -> web.Response:
    """The project's endpoints, oldest first, by page."""
    parts, now = _parts(request), platform(request).clock.now()
    fits = _filter(request.query.get("filter"))
    shown = [one for one in parts.endpoints.listed() if fits(one.name)]
    page, cursor = _page(request, shown)
    views = [endpoint_view(one, parts.endpoints.deployments(one.id), now) for one in page]
    return answer({"object": "list", "data": views, "next_cursor": cursor})


async def retrieve(request: web.Request) -> web.Response:
    """One endpoint."""
    return _endpoint(request, request.match_info["e"])


async def update(request: web.Request) -> web.Response:
    """Change the split (an empty one only where the mask names it), the name or the visibility."""
    parts, asked = _parts(request), await json_object(request)
    mask = request.query.get("updateMask", request.query.get("update_mask", "")).replace(
        "traffic_split", "trafficSplit"
    )
    changes: dict[str, Any] = {}
    if asked.get("trafficSplit") or "trafficSplit" in mask.split(","):
        pairs = [(str(one.get("deploymentId")), float(one.get("weight", 0))) for one in asked.get("trafficSplit") or []]
        changes["split"] = tuple(pair for pair in pairs if pair[1])
    for field in ("name", "visibility"):
        if asked.get(field):
            changes[field] = catalog.slug_of(str(asked[field]))
    return _endpoint(request, parts.endpoints.update(request.match_info["e"], changes, asked.get("etag")).id)


async def delete(request: web.Request) -> web.Response:
    """Take an endpoint away."""
    _parts(request).endpoints.delete(request.match_info["e"])
    return answer({})


async def events(request: web.Request) -> web.Response:
    """What happened to an endpoint and its deployments."""
    parts, now = _parts(request), platform(request).clock.now()
    endpoint = parts.endpoints.get(request.match_info["e"])
    found = events_view(endpoint, parts.endpoints.deployments(endpoint.id), now)
    wanted = request.query.getall("types", []) + request.query.getall("types[]", [])
    kinds = {kind for text in wanted for kind in text.split(",")}
    shown = [event for event in found if not kinds or event["type"] in kinds]
    limit = _number(request, "limit", 50)
    return answer({"object": "list", "data": shown[:limit], "next_cursor": None})


async def deploy(request: web.Request) -> web.Response:
    """Begin to serve a model: costs from when it is ready."""
    parts, asked = _parts(request), await json_object(request)
    keep = request.query.get("validateOnly", "false").lower() != "true"
    plan = action_of(request).get("deployment", "ok")
    made = parts.endpoints.deploy(request.match_info["e"], asked, plan, keep=keep)
    return answer(deployment_view(made, parts.endpoints.get(made.endpoint_id), parts.clock.now()))


async def list_deployments(request: web.Request) -> web.Response:
    """What an endpoint runs."""
    parts, now = _parts(request), platform(request).clock.now()
    endpoint = parts.endpoints.get(request.match_info["e"])
    page, cursor = _page(request, parts.endpoints.deployments(endpoint.id))
    views = [deployment_view(one, endpoint, now) for one in page]
    return answer({"object": "list", "data": views, "next_cursor": cursor})


async def retrieve_deployment(request: web.Request) -> web.Response:
    """One deployment."""
    parts = _parts(request)
    endpoint = parts.endpoints.get(request.match_info["e"])
    found = parts.endpoints.deployment(endpoint.id, request.match_info["d"])
    return answer(deployment_view(found, endpoint, parts.clock.now()))


async def scale(request: web.Request) -> web.Response:
    """Change replicas; a fault may make it say so and do nothing."""
    parts, asked = _parts(request), await json_object(request)
    keep = action_of(request).get("stop") != "ignored"
    found = parts.endpoints.scale(request.match_info["e"], request.match_info["d"], asked, keep=keep)
    return answer(deployment_view(found, parts.endpoints.get(found.endpoint_id), parts.clock.now()))


async def remove(request: web.Request) -> web.Response:
    """Take a stopped deployment away."""
    _parts(request).endpoints.remove(request.match_info["e"], request.match_info["d"])
    return answer({})


async def configs(request: web.Request) -> web.Response:
    """What can serve a reference model."""
    parts, query = _parts(request), request.query
    wanted = query.get("referenceModel") or query.get("referenceModelId") or query.get("reference_model_id")
    model = catalog.registered(wanted, parts.runs, parts.clock.now())
    found = [] if model.run is not None else catalog.configs(model.base)  # as with the platform: ask for the base
    return answer({"object": "list", "data": found, "next_cursor": None})


async def model(request: web.Request) -> web.Response:
    """A model of the registry."""
    parts = platform(request)
    return answer(catalog.model_view(catalog.registered(request.match_info["m"], parts.runs, parts.clock.now())))


async def supported(request: web.Request) -> web.Response:
    """The base models of the catalogue, those whose name has the searched text."""
    wanted = request.query.get("search", "").casefold()
    found = [one for one in MODELS.values() if wanted in one.name.casefold()]
    return answer({"object": "list", "data": [catalog.supported_view(one) for one in found], "next_cursor": None})


async def instance_types(request: web.Request) -> web.Response:
    """Hardware with prices."""
    return answer({"object": "list", "data": catalog.instance_types(), "next_cursor": None})


def _parts(request: web.Request) -> Any:
    """The sandbox, for a request to its one project."""
    if request.match_info["p"] != catalog.PROJECT:
        raise PlatformError(404, f"project {request.match_info['p']!r} not found", param="projectId")
    return platform(request)


def _endpoint(request: web.Request, endpoint_id: str) -> web.Response:
    parts = _parts(request)
    found = parts.endpoints.get(endpoint_id)
    return answer(endpoint_view(found, parts.endpoints.deployments(found.id), parts.clock.now()))


def _filter(text: str | None) -> Callable[[str], bool]:
    """`name="x"`, with * at either end, or `name:"x"` for a part of it."""
    if not text:
        return lambda name: True
    match = FILTER.fullmatch(text.strip())
    if match is None:
        raise PlatformError(400, 'the sandbox knows filters of the forms name="x" and name:"x"', param="filter")
    wanted = catalog.slug_of(match[2])
    if match[1] == ":":
        return lambda name: wanted in name
    pattern = re.compile(re.escape(wanted).replace(r"\*", ".*"))
    return lambda name: pattern.fullmatch(name) is not None


def _page(request: web.Request, items: list[Any]) -> tuple[list[Any], str | None]:
    after, limit = request.query.get("after"), min(_number(request, "limit", 100), MOST_LISTED)
    start = next((place + 1 for place, one in enumerate(items) if one.id == after), 0)
    page = items[start : start + limit]
    return page, page[-1].id if page and start + limit < len(items) else None


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isdecimal() or int(text) < 1:
        raise PlatformError(400, f"{name} must be a number from 1", param=name)
    return int(text)


def routes(prefix: str) -> list[web.RouteDef]:
    """The routes under a prefix."""
    base = f"{prefix}/projects/{{p}}"
    one = f"{base}/endpoints/{{e}}"
    deployments = f"{one}/deployments"
    return [
        web.post(f"{prefix}/endpoints", closed),
        web.get(f"{prefix}/endpoints", none_left),
        web.get(f"{prefix}/public/inference-instance-types", instance_types),
        web.get(f"{prefix}/supported-models", supported),
        web.get(f"{base}/configs", configs),
        web.get(f"{base}/models/{{m}}", model),
        web.post(f"{base}/endpoints", create),
        web.get(f"{base}/endpoints", list_all),
        web.get(one, retrieve),
        web.patch(one, update),
        web.delete(one, delete),
        web.get(f"{one}/events", events),
        web.post(deployments, deploy),
        web.get(deployments, list_deployments),
        web.get(f"{deployments}/{{d}}", retrieve_deployment),
        web.patch(f"{deployments}/{{d}}", scale),
        web.delete(f"{deployments}/{{d}}", remove),
    ]
