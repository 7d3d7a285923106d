"""The second stand-in with dedicated endpoints (v2), written from what is known of the platform's wire and not from the
sandbox: short pages, lists that lag, few fields. What the platform may or may not have is a switch."""

from __future__ import annotations

import json
import math
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, unquote

from tests.e2e.standin import DROP, StandIn, _error

Answer = tuple[int, Any, dict[str, str]]
PROJECT = "prj-1"
RATES = {"it-h100": 549, "it-a100": 300}  #: hardware -> cents an hour
UNSERVED = "nobody/serves-this"


@dataclass
class Deployment:
    """`spells`: [ready from, gone at or None], in s of the stand-in's clock."""

    id: str
    body: dict[str, Any]
    made: float
    stop_at: float | None = None
    spells: list[list[float | None]] = field(default_factory=list)


@dataclass
class Named:
    """An endpoint of the stand-in."""

    id: str
    name: str
    made: float
    split: list[dict[str, Any]] = field(default_factory=list)
    deployments: dict[str, Deployment] = field(default_factory=dict)


@dataclass
class Fault:
    """Strikes requests whose `METHOD path` matches; `how` is before, after, ignored, html, or a status with headers."""

    pattern: str
    how: str | int
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    code: str = "unavailable"
    words: str = "try later"


class EndpointStandIn(StandIn):
    """Switches: `page` items a list page, `lag_s` until a new endpoint is listed, `inline` deployments in the endpoint,
    `events`, `catalogue` (registry and supported models), `idle` (inactiveTimeout is known), `words` for states."""

    def __init__(self, **switches: Any) -> None:
        self.page, self.lag_s, self.provision_s, self.stop_s = 1, 3.0, 4.0, 2.0
        self.inline = self.events = self.catalogue = self.idle = True
        self.words: dict[str, str] = {}
        self.plan_of: dict[int, str] = {}  #: number of a deployment -> stuck, failed
        self.slug = "acme/"
        self.rate, self.ahead, self.began = 1.0, 0.0, time.time()
        self.faults: list[Fault] = []
        self.endpoints: dict[str, Named] = {}
        self.gone: list[Named] = []
        self.chat_models: list[str] = []
        self.chat_delay_s = 0.0
        self.etc: dict[str, Any] = {"x_new_field": {"a": [1]}, "labels": None}
        self.__dict__.update(switches)
        super().__init__()

    def now(self) -> float:
        return self.began + (time.time() - self.began) * self.rate + self.ahead

    # ---- what tests ask ----

    def deployments(self) -> list[Deployment]:
        return [one for named in [*self.endpoints.values(), *self.gone] for one in named.deployments.values()]

    def running(self) -> int:
        with self.lock:
            return sum(self.state(one) in {"READY", "PROVISIONING", "STOPPING"} for one in self._live())

    def minutes(self) -> int:
        """Minutes begun while a replica was ready: what is billed."""
        with self.lock:
            now = self.now()
            for one in self._live():
                self.state(one)
            spells = [spell for one in self.deployments() for spell in one.spells]
            return sum(math.ceil(((spell[1] or now) - (spell[0] or 0)) / 60) for spell in spells)

    def _live(self) -> list[Deployment]:
        return [one for named in self.endpoints.values() for one in named.deployments.values()]

    def state(self, one: Deployment) -> str:
        now, plan = self.now(), self.plan_of.get(int(one.id.rsplit("-", 1)[1]), "")
        if one.stop_at is not None:
            if one.spells and one.spells[-1][1] is None:
                one.spells[-1][1] = max(one.stop_at, one.spells[-1][0] or 0)
            return "STOPPED" if now >= one.stop_at + self.stop_s else "STOPPING"
        if plan:
            return {"stuck": "PROVISIONING", "failed": "FAILED"}[plan]
        if now < one.made + self.provision_s:
            return "PROVISIONING"
        if not one.spells or one.spells[-1][1] is not None:
            one.spells.append([one.made + self.provision_s, None])
        return "READY"

    # ---- HTTP ----

    def answer(self, method: str, path: str, headers: Message, body: bytes) -> Answer:
        bare = path.partition("?")[0]
        fault = next((one for one in self.faults if one.times and re.fullmatch(one.pattern, f"{method} {bare}")), None)
        if fault is None:
            return self._routed(method, path, headers, body)
        fault.times -= 1
        if fault.how == "html":
            return 200, b"<html>a proxy's page</html>", {"Content-Type": "text/html"}
        if isinstance(fault.how, int):
            self.requests.append((method, bare))
            return fault.how, _error(fault.words, fault.code), fault.headers
        if fault.how == "ignored":
            self.requests.append((method, bare))
            return 200, {"id": "acknowledged"}, {}
        if fault.how == "after":
            self._routed(method, path, headers, body)
        return 200, DROP, {}

    def _routed(self, method: str, path: str, headers: Message, body: bytes) -> Answer:
        bare, _, query = path.partition("?")
        parts = [unquote(part) for part in bare.strip("/").split("/")]
        if parts[0] == "v1" and parts[1:2] == ["whoami"]:
            return 200, {"project_id": PROJECT, "project_slug": "acme", "key_id": "k"}, {}
        if parts[0] == "v1" and parts[1:2] == ["chat"]:
            time.sleep(self.chat_delay_s)
        if parts[0] != "v2":
            return super().answer(method, path, headers, body)
        with self.lock:
            self.requests.append((method, bare))
            asked = json.loads(body) if body else {}
            return self._v2(method, parts[1:], {key: value[0] for key, value in parse_qs(query).items()}, asked)

    def _v2(self, method: str, parts: list[str], query: dict[str, str], asked: dict[str, Any]) -> Answer:
        if parts[:2] != ["projects", PROJECT]:
            return self._public(parts, query)
        match parts[2:]:
            case ["models", model] if self.catalogue:
                return 200, {"id": model, "projectId": PROJECT, "baseModelId": "ml_base"}, {}
            case ["configs"]:
                return self._configs(query)
            case ["endpoints"] if method == "GET":
                seen = [one for one in self.endpoints.values() if self.now() - one.made >= self.lag_s]
                return self._listed([self._shown_endpoint(one) for one in seen], query)
            case ["endpoints"]:
                return self._create(asked)
            case ["endpoints", which, *rest] if which in self.endpoints:
                return self._within(method, self.endpoints[which], rest, query, asked)
        return _missing()

    def _public(self, parts: list[str], query: dict[str, str]) -> Answer:
        if parts == ["public", "inference-instance-types"]:
            kinds = [{"id": name, "name": name, "priceCentsPerHour": cents} for name, cents in RATES.items()]
            return self._listed(kinds, query)
        if parts[:1] == ["supported-models"] and self.catalogue:
            return self._listed([{"name": query["search"], "baseModel": "projects/pub/models/ml_base"}], query)
        return _missing()

    def _configs(self, query: dict[str, str]) -> Answer:
        of = query.get("referenceModel", "")
        if not of.startswith("projects/") or UNSERVED in of:
            return self._listed([], query)
        selectors = [{"key": "instance_type", "value": name} for name in RATES]
        made = [{"id": f"cr-{one['value']}", "referenceModel": of, "selectors": [one]} for one in selectors]
        return self._listed(made, query)

    def _create(self, asked: dict[str, Any]) -> Answer:
        if any(one.name == asked["name"] for one in self.endpoints.values()):
            return 409, _error("the name is taken", "already_exists"), {}
        made = Named(f"ep-{len(self.endpoints) + len(self.gone)}", asked["name"], self.now())
        self.endpoints[made.id] = made
        return 200, self._shown_endpoint(made), {}

    def _within(
        self, method: str, named: Named, rest: list[str], query: dict[str, str], asked: dict[str, Any]
    ) -> Answer:
        match (method, rest):
            case ("GET" | "PATCH", []):
                if asked.get("trafficSplit") or "trafficSplit" in query.get("updateMask", ""):
                    named.split = asked["trafficSplit"]
                return 200, self._shown_endpoint(named, inline=True), {}
            case ("DELETE", []):
                return self._delete(named)
            case ("GET", ["events"]):
                return self._listed(self._scalings(named), query) if self.events else _missing()
            case ("GET", ["deployments"]):
                return self._listed([self._shown_deployment(one) for one in named.deployments.values()], query)
            case ("POST", ["deployments"]):
                return self._deploy(named, asked)
            case (_, ["deployments", which]) if which in named.deployments:
                return self._one(method, named, named.deployments[which], asked)
        return _missing()

    def _delete(self, named: Named) -> Answer:
        if named.deployments:
            return 409, _error("deployments first", "failed_precondition"), {}
        self.gone.append(self.endpoints.pop(named.id))
        return 200, {}, {}

    def _deploy(self, named: Named, asked: dict[str, Any]) -> Answer:
        if "inactiveTimeout" in asked and not self.idle:
            return 400, _error("unknown field inactiveTimeout", "invalid_request"), {}
        if any(one.body["name"] == asked["name"] for one in named.deployments.values()):
            return 409, _error("the name is taken", "already_exists"), {}
        made = Deployment(f"dp-{len(self.deployments())}", asked, self.now())
        named.deployments[made.id] = made
        return 200, self._shown_deployment(made), {}

    def _one(self, method: str, named: Named, one: Deployment, asked: dict[str, Any]) -> Answer:
        state = self.state(one)
        if method == "PATCH" and asked["autoscaling"]["maxReplicas"] == 0:
            one.stop_at = self.now() if one.stop_at is None else one.stop_at
        if method == "DELETE":
            if state != "STOPPED" or any(entry["deploymentId"] == one.id for entry in named.split):
                return 409, _error(f"it is {state}, or in the split", "failed_precondition"), {}
            self.gone.append(Named("", named.name, named.made, deployments={one.id: named.deployments.pop(one.id)}))
        return 200, self._shown_deployment(one), {}

    def _listed(self, items: list[dict[str, Any]], query: dict[str, str]) -> Answer:
        if int(query.get("limit", "1")) > 500:
            return 400, _error("limit is at most 500", "invalid_request"), {}
        start = int(query.get("after", "0"))
        cursor = str(start + self.page) if start + self.page < len(items) else ""
        return 200, {"data": items[start : start + self.page], "next_cursor": cursor, **self.etc}, {}

    # ---- what it shows ----

    def _shown_endpoint(self, one: Named, *, inline: bool = False) -> dict[str, Any]:
        shown = {"id": one.id, "name": f"{self.slug}{one.name}", "trafficSplit": one.split, **self.etc}
        if self.inline or inline:
            shown["deployments"] = [
                {"id": made.id, "model": made.body["model"], "state": self._word(made)}
                for made in one.deployments.values()
            ]
        return shown

    def _shown_deployment(self, one: Deployment) -> dict[str, Any]:
        status = {"state": self._word(one), "message": f"it is {self.state(one).lower()}"}
        return {"id": one.id, "model": one.body["model"], "status": status, **self.etc}

    def _word(self, one: Deployment) -> str:
        state = self.state(one)
        return self.words.get(state, f"DEPLOYMENT_STATE_{state}")

    def _scalings(self, named: Named) -> list[dict[str, Any]]:
        found = []
        for one in named.deployments.values():
            self.state(one)
            for begun, ended in one.spells:
                found.append(
                    {"type": "deployment.scaled", "deploymentId": one.id, "createdAt": _iso(begun), "newReplicas": 1}
                )
                if ended is not None:
                    event = {"type": "deployment.scaled", "deploymentId": one.id, "createdAt": _iso(ended)}
                    found.append({**event, "oldReplicas": 1, "newReplicas": 0})
        return found

    def _shown(self, run: dict[str, Any], *, whole: bool) -> dict[str, Any]:
        shown = super()._shown(run, whole=whole)
        if shown["status"] == "completed":
            shown |= {"model_object_id": f"ml_{run['id']}", "adapter_object_id": f"ad_{run['id']}"}
        return shown

    def _post_chat(self, rest: list[str], body: bytes) -> Answer:
        asked = json.loads(body)["model"]
        self.chat_models.append(asked)
        found = [one for one in self.endpoints.values() if f"{self.slug}{one.name}" == asked]
        if not found:
            return super()._post_chat(rest, body)
        split = {entry["deploymentId"] for entry in found[0].split}
        if any(self.state(one) == "READY" and one.id in split for one in found[0].deployments.values()):
            self.names.add(asked)
            try:
                return super()._post_chat(rest, body)
            finally:
                self.names.discard(asked)
        return 503, _error("no ready deployment in the split", "routing_error"), {}


def _iso(at: float | None) -> str:
    return datetime.fromtimestamp(at or 0, UTC).isoformat()


def _missing() -> Answer:
    return 404, _error("not found", "not_found"), {}
