"""The Endpoints and Catalog ports over Together's endpoints of the second kind (v2), by the SDK 2.36.0.

The first kind (v1) refuses new ones. With a newer SDK only this module changes: there `beta.endpoints` is `endpoints`.
"""

from __future__ import annotations

import contextlib
import time
from datetime import datetime
from typing import Any

import httpx
import structlog
import together

from common import hardware
from common.errors import HintrelayError, Permanent, Transient
from worker.adapters.http_pace import HttpPace
from worker.adapters.together_wire import do, is_conflict, json_object, once
from worker.pacing import Pace, Unpaced
from worker.ports import Absent
from worker.serving import Deployed, Endpoint, Offer, Serving

log = structlog.get_logger(__name__)

TIMEOUT_S = 15.0  #: of one request; what comes later is looked for, and a tick has other work
KEPT_S = 300.0  #: prices and configs change seldom
PAGE = 500  #: the most that the platform lists at once
DEPLOYMENT = (
    "hintrelay"  #: the one deployment of each endpoint; its name is taken once, so a doubled request is refused
)
ASKED_FOR = [{"role": "user", "content": "Hello"}]
#: Source: together 2.36.0, types/beta/deployment_status; without their prefix
STATES = {
    "PROVISIONING": Serving.STARTING,
    "SCALING": Serving.STARTING,
    "DEGRADED": Serving.STARTING,
    "READY": Serving.READY,
    "STOPPING": Serving.STOPPING,
    "STOPPED": Serving.STOPPED,
    "FAILED": Serving.FAILED,
}
#: in these it may answer all the same: replicas that are ready say so
_PARTLY = frozenset({"SCALING", "DEGRADED"})


class TogetherEndpoints:
    """`root` is the platform's URL without a version, `chat_url` where chat requests go. Safe for threads."""

    def __init__(
        self, *, root: str, chat_url: str, api_key: str, timeout_s: float = TIMEOUT_S, pace: Pace | None = None
    ) -> None:
        self._pace = HttpPace(pace or Unpaced(), f"{root}/v2")
        limits = httpx.Timeout(timeout_s, connect=5.0)
        self._account = together.Together(api_key=api_key, base_url=f"{root}/v1", timeout=limits, max_retries=1)
        self._reads = together.Together(api_key=api_key, base_url=f"{root}/v2", timeout=limits, max_retries=1)
        self._reads._client.event_hooks = self._pace.hooks
        self._once = self._reads.with_options(max_retries=0)
        self._chat = together.Together(api_key=api_key, base_url=chat_url, timeout=limits, max_retries=0)
        self._project = ""
        self._kept: dict[str, tuple[float, list[dict[str, Any]]]] = {}  #: lists that change seldom: when read, and what

    # ---- Endpoints ----

    def endpoints(self) -> list[Endpoint]:
        return [_endpoint(item) for item in self._listed(f"{self._home()}/endpoints", limit=PAGE)]

    def create(self, name: str) -> None:
        try:
            self._send("post", f"{self._home()}/endpoints", {"name": name}, "the creation of an endpoint")
        except HintrelayError as exc:
            if not is_conflict(exc):
                raise

    def deploy(self, endpoint: Endpoint, offer: Offer, idle_minutes: int) -> None:
        body = {
            "name": DEPLOYMENT,
            "model": offer.model,
            "config": offer.config,
            "autoscaling": {"minReplicas": 1, "maxReplicas": 1},
            "inactiveTimeout": idle_minutes,
        }
        try:
            self._send("post", f"{self._of(endpoint)}/deployments", body, "the creation of a deployment")
        except HintrelayError as exc:
            if not is_conflict(exc):
                raise

    def route(self, endpoint: Endpoint) -> None:
        split = [{"deploymentId": one.id, "weight": 1.0} for one in endpoint.deployments[:1]]
        self._send("patch", f"{self._of(endpoint)}?updateMask=trafficSplit", {"trafficSplit": split}, "the routing")

    def stop(self, endpoint: Endpoint) -> None:
        none = {"autoscaling": {"minReplicas": 0, "maxReplicas": 0}}
        for one in endpoint.deployments:
            if one.state is not Serving.STOPPED:
                path = f"{self._of(endpoint)}/deployments/{one.id}?updateMask=autoscaling"
                self._gone_is_fine("patch", path, none, "the stop of a deployment")

    def delete(self, endpoint: Endpoint) -> None:
        """Out of the traffic first: what is in it cannot be deleted."""
        where = self._of(endpoint)
        empty: dict[str, Any] = {"trafficSplit": []}
        if any(one.routed for one in endpoint.deployments):
            self._gone_is_fine("patch", f"{where}?updateMask=trafficSplit", empty, "the unrouting")
        for path in [*(f"{where}/deployments/{one.id}" for one in endpoint.deployments), where]:
            self._gone_is_fine("delete", path, None, "a deletion")

    # ---- Catalog ----

    def offers(self, model: str, *, base: bool) -> list[Offer]:
        path, reference = self._supported(model) if base else self._registered(model)
        listed = self._seldom(f"{self._home()}/configs", referenceModelId=reference)
        found = []
        for one in hardware.configs(listed, hardware.prices(self._seldom(hardware.PRICES_PATH))):
            if one.cents_per_minute is None:
                log.info("config_without_price", model=model, config=one.path, hardware=one.hardware)
            else:
                found.append(Offer(path, one.path, one.hardware, one.cents_per_minute))
        return sorted(found, key=lambda one: one.cents_per_minute)

    def answers(self, name: str) -> None:
        body = {"model": name, "messages": ASKED_FOR, "max_tokens": 1}
        try:
            answer = json_object(do(lambda: self._chat.post("/chat/completions", body=body, cast_to=httpx.Response)))
        except Absent as exc:
            raise Permanent(exc.message, code="deployment_unknown") from exc
        if not isinstance(answer.get("choices"), list) or not answer["choices"]:
            raise Transient(f"{name} answered with something else than a chat completion", code="odd_answer")

    def spans(self, endpoint: Endpoint) -> list[tuple[int, int | None]]:
        """From the events of its deployments: each change of the number of replicas, with the platform's time of it."""
        events = self._listed(f"{self._of(endpoint)}/events", limit=1000, types="deployment.scaled")
        scaled = [event for event in events if event.get("type") == "deployment.scaled"]
        found: list[tuple[int, int | None]] = []
        begun: dict[str, int] = {}
        for event in sorted(scaled, key=lambda one: str(one.get("createdAt"))):
            which, at = str(event.get("deploymentId")), _ms(event.get("createdAt"))
            if event.get("newReplicas"):
                begun.setdefault(which, at)
            elif which in begun:
                found.append((begun.pop(which), at))
        return found + [(at, None) for at in begun.values()]

    # ---- the platform's names of things ----

    def _registered(self, model_id: str) -> tuple[str, str]:
        """(path of a tuned model, the id of the model that configs are made for)."""
        try:
            body = self._get(f"{self._home()}/models/{model_id}")
        except Absent as exc:
            raise Permanent(
                f"the platform's registry has no model {model_id}: {exc.message}", code="not_servable"
            ) from exc
        return f"projects/{body.get('projectId') or self._project}/models/{model_id}", str(
            body.get("baseModelId") or model_id
        )

    def _supported(self, name: str) -> tuple[str, str]:
        """The same of a base model, by its name."""
        found = hardware.base_model(self._seldom(hardware.MODELS_PATH, search=name), name)
        if found is not None:
            return found
        raise Permanent(f"the platform's catalogue has no model {name} that can be served", code="not_servable")

    def _home(self) -> str:
        if not self._project:
            me = json_object(do(lambda: self._account.get("/whoami", cast_to=httpx.Response)))
            self._project = str(self._account.project_id or me.get("project_id") or "")
        if not self._project:
            raise Transient("the platform did not say which project the key belongs to", code="odd_answer")
        return f"/projects/{self._project}"

    def _of(self, endpoint: Endpoint) -> str:
        return f"{self._home()}/endpoints/{endpoint.id}"

    # ---- requests ----

    def _seldom(self, path: str, **query: str) -> list[dict[str, Any]]:
        """What many jobs ask alike: prices, configs, the catalogue."""
        name = f"{path}?{httpx.QueryParams(query)}"
        at, items = self._kept.get(name, (-KEPT_S, []))
        if time.monotonic() - at >= KEPT_S:
            items = self._listed(path, **query)
            self._kept[name] = (time.monotonic(), items)
        return items

    def _get(self, path: str) -> dict[str, Any]:
        self._pace.before()
        return json_object(do(lambda: self._reads.get(path, cast_to=httpx.Response)))

    def _listed(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """All items of a list, page after page."""
        items: list[dict[str, Any]] = []
        while True:
            body = self._get(f"{path}?{httpx.QueryParams(query)}" if query else path)
            data = body.get("data")
            if not isinstance(data, list):
                raise Transient(f"the platform answered {path} with something else than a list", code="odd_answer")
            items += [item for item in data if isinstance(item, dict)]
            if not body.get("next_cursor") or not data:
                return items
            query["after"] = body["next_cursor"]

    def _send(self, method: str, path: str, body: Any, what: str) -> None:
        send: Any = {"post": self._once.post, "patch": self._once.patch, "delete": self._once.delete}[method]
        self._pace.before()
        once(lambda: send(path, body=body, cast_to=httpx.Response), what)

    def _gone_is_fine(self, method: str, path: str, body: Any, what: str) -> None:
        with contextlib.suppress(Absent):
            self._send(method, path, body, what)


def _endpoint(item: dict[str, Any]) -> Endpoint:
    routed = {one.get("deploymentId") for one in item.get("trafficSplit") or [] if one.get("weight")}
    address = str(item.get("name") or "")
    deployments = [_deployed(one, routed) for one in item.get("deployments") or [] if isinstance(one, dict)]
    return Endpoint(str(item.get("id")), address.rsplit("/", 1)[-1], address, tuple(deployments))


def _deployed(item: dict[str, Any], routed: set[Any]) -> Deployed:
    word = str(item.get("state") or "").removeprefix("DEPLOYMENT_STATE_")
    state = STATES.get(word)
    if state is None:  # a new word must neither end an endpoint nor count as its end
        log.warning("deployment_state_unknown", deployment=item.get("id"), state=word)
    if state is None or word in _PARTLY:
        state = Serving.READY if item.get("readyReplicas") else Serving.STARTING
    model = str(item.get("modelId") or str(item.get("model") or "").split("/revisions/")[0].rsplit("/", 1)[-1])
    return Deployed(str(item.get("id")), model, state, word, item.get("id") in routed)


def _ms(text: Any) -> int:
    try:
        return round(datetime.fromisoformat(str(text)).timestamp() * 1000)
    except ValueError as exc:
        raise Transient(f"the platform gave {text!r} as a time", code="odd_answer") from exc
