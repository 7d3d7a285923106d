"""The Endpoints and Catalog ports over Together's endpoints of the second kind (v2). The first refuses new ones."""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import Any

import httpx
import structlog
import together

from common.errors import HintrelayError, Permanent, Transient
from common.lifetime import close_with
from worker.adapters import together_catalog
from worker.adapters.together_v2 import PAGE, V2
from worker.adapters.together_wire import do, is_conflict, json_object
from worker.pacing import Pace, Unpaced
from worker.ports import Absent
from worker.serving import Deployed, Endpoint, Offer, Serving

log = structlog.get_logger(__name__)

TIMEOUT_S = 15.0  #: of one request; what comes later is looked for, and a tick has other work
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
#: fields of a deployment that say what it serves
_SERVED = ("model", "modelId", "adapterModel", "adapterModelId")


class TogetherEndpoints:
    """`root` is the platform's URL without a version, `chat_url` where chat requests go. Safe for threads."""

    def __init__(
        self, *, root: str, chat_url: str, api_key: str, timeout_s: float = TIMEOUT_S, pace: Pace | None = None
    ) -> None:
        limits = httpx.Timeout(timeout_s, connect=5.0)
        self._v2 = V2(root=root, api_key=api_key, limits=limits, pace=pace or Unpaced())
        self._chat = together.Together(api_key=api_key, base_url=chat_url, timeout=limits, max_retries=0)
        close_with(self, self._chat.close)

    # ---- Endpoints ----

    def endpoints(self) -> list[Endpoint]:
        items = self._v2.listed(f"{self._v2.home()}/endpoints", limit=PAGE)
        return [one for item in items if item.get("id") and (one := self._whole(item)) is not None]

    def find(self, endpoint_id: str) -> Endpoint | None:
        try:
            item = self._v2.get(f"{self._v2.home()}/endpoints/{endpoint_id}")
        except Absent:
            return None
        if item.get("id") != endpoint_id:
            raise Transient(f"the platform answered with something else than the endpoint {endpoint_id}")
        return self._whole(item)

    def create(self, name: str) -> None:
        with _there_is_fine():
            self._v2.send("post", f"{self._v2.home()}/endpoints", {"name": name}, "the creation of an endpoint")

    def deploy(self, endpoint: Endpoint, offer: Offer, idle_minutes: int) -> None:
        """A platform without an inactivity timeout refuses it, and is asked without: the reaper does not rest on it."""
        body = {
            "name": DEPLOYMENT,
            "model": offer.model,
            "config": offer.config,
            "autoscaling": {"minReplicas": 1, "maxReplicas": 1},
        }
        path, what = f"{self._of(endpoint)}/deployments", "the creation of a deployment"
        with _there_is_fine():
            try:
                self._v2.send("post", path, {**body, "inactiveTimeout": idle_minutes}, what)
            except Permanent as exc:
                if "inactive" not in exc.message.lower():
                    raise
                log.warning("inactivity_timeout_refused", endpoint=endpoint.name, reason=exc.message)
                self._v2.send("post", path, body, what)

    def route(self, endpoint: Endpoint) -> None:
        split = [{"deploymentId": one.id, "weight": 1.0} for one in endpoint.deployments[:1]]
        self._v2.send("patch", f"{self._of(endpoint)}?updateMask=trafficSplit", {"trafficSplit": split}, "the routing")

    def stop(self, endpoint: Endpoint) -> None:
        none = {"autoscaling": {"minReplicas": 0, "maxReplicas": 0}}
        for one in endpoint.deployments:
            if one.state is not Serving.STOPPED:
                path = f"{self._of(endpoint)}/deployments/{one.id}?updateMask=autoscaling"
                self._v2.gone_is_fine("patch", path, none, "the stop of a deployment")

    def delete(self, endpoint: Endpoint) -> None:
        """Out of the traffic first: what is in it cannot be deleted."""
        where = self._of(endpoint)
        empty: dict[str, Any] = {"trafficSplit": []}
        if any(one.routed for one in endpoint.deployments):
            self._v2.gone_is_fine("patch", f"{where}?updateMask=trafficSplit", empty, "the unrouting")
        for path in [*(f"{where}/deployments/{one.id}" for one in endpoint.deployments), where]:
            self._v2.gone_is_fine("delete", path, None, "a deletion")

    # ---- Catalog ----

    def offers(self, model: str, *, base: bool) -> list[Offer]:
        return together_catalog.offers(self._v2, model, base=base)

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
        try:
            events = self._v2.listed(f"{self._of(endpoint)}/events", limit=PAGE, types="deployment.scaled")
        except Absent:
            return []
        scaled = [event for event in events if event.get("type") == "deployment.scaled"]
        found: list[tuple[int, int | None]] = []
        begun: dict[str, int] = {}
        for event in sorted(scaled, key=lambda one: _ms(one.get("createdAt"))):
            which, at = str(event.get("deploymentId")), _ms(event.get("createdAt"))
            if event.get("newReplicas"):
                begun.setdefault(which, at)
            elif which in begun:
                found.append((begun.pop(which), at))
        return found + [(at, None) for at in begun.values()]

    def _of(self, endpoint: Endpoint) -> str:
        return f"{self._v2.home()}/endpoints/{endpoint.id}"

    def _whole(self, item: dict[str, Any]) -> Endpoint | None:
        """With its deployments, which are asked for where the endpoint does not list them: none listed is not none."""
        where = f"{self._v2.home()}/endpoints/{item['id']}"
        try:
            if not isinstance(item.get("deployments"), list):
                item = {**item, "deployments": self._v2.listed(f"{where}/deployments", limit=PAGE)}
        except Absent:  # it went away meanwhile
            return None
        return _endpoint(item)


@contextlib.contextmanager
def _there_is_fine() -> Any:
    """A name that is taken is one that an earlier request took: names are not drawn twice."""
    try:
        yield
    except HintrelayError as exc:
        if not is_conflict(exc):
            raise


def _endpoint(item: dict[str, Any]) -> Endpoint:
    routed = {one.get("deploymentId") for one in item.get("trafficSplit") or [] if one.get("weight", 1)}
    address = str(item.get("name") or "")
    deployments = [_deployed(one, routed) for one in item["deployments"] if isinstance(one, dict)]
    return Endpoint(str(item["id"]), address.rsplit("/", 1)[-1], address, tuple(deployments))


def _deployed(item: dict[str, Any], routed: set[Any]) -> Deployed:
    status: dict[str, Any] = item["status"] if isinstance(item.get("status"), dict) else {}
    said = str(item.get("state") or status.get("state") or "")
    word = said.upper().removeprefix("DEPLOYMENT_").removeprefix("STATE_")
    ready = item.get("readyReplicas", status.get("readyReplicas"))
    state = STATES.get(word, Serving.UNKNOWN)
    if state is Serving.UNKNOWN:  # a new word must neither end an endpoint nor count as its end
        log.warning("deployment_state_unknown", deployment=item.get("id"), state=said)
    if ready and (state is Serving.UNKNOWN or word in _PARTLY):
        state = Serving.READY
    words = str(status.get("message") or word)
    return Deployed(str(item.get("id")), _served(item), state, words, item.get("id") in routed)


def _served(item: dict[str, Any]) -> frozenset[str]:
    """Ids and names of what a deployment serves: model or adapter, with and without the path."""
    adapters = [one for one in item.get("adapters") or [] if isinstance(one, dict)]
    told = [str(one[name]) for one in (item, *adapters) for name in _SERVED if one.get(name)]
    paths = [text.split("/revisions/")[0] for text in told]
    return frozenset(name for path in paths for name in (path, path.partition("/models/")[2]) if name)


def _ms(text: Any) -> int:
    try:
        return round(datetime.fromisoformat(str(text)).timestamp() * 1000)
    except ValueError as exc:
        raise Transient(f"the platform gave {text!r} as a time", code="odd_answer") from exc
