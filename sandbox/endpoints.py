"""The dedicated endpoints (v2) and their deployments: rows, rules, and the bill."""

import re
from dataclasses import asdict, replace
from typing import Any
from uuid import uuid4

from .catalog import Registered, instance_of, registered, slug_of
from .clock import Clock
from .errors import PlatformError
from .run import ACCOUNT
from .runs import Runs
from .serving import READY, STOPPED, Deployment, Endpoint, Spell
from .state import State

ENDPOINT, DEPLOYMENT = "endpoint", "serving"
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
IDLE = range(30, 1441)  #: minutes that an inactivity timeout may have, other than 0


class Endpoints:
    """All endpoints and deployments; those that were deleted stay for the bill."""

    def __init__(
        self, state: State, clock: Clock, runs: Runs, *, provision_seconds: float, stop_seconds: float
    ) -> None:
        self._state = state
        self._clock = clock
        self._runs = runs
        self._provision_seconds = provision_seconds
        self._stop_seconds = stop_seconds
        self._all = {row["id"]: Endpoint(**{**row, "split": _pairs(row["split"])}) for row in state.rows(ENDPOINT)}
        self._deployments = {row["id"]: _read(row) for row in state.rows(DEPLOYMENT)}

    # ---- endpoints ----

    def get(self, endpoint_id: str) -> Endpoint:
        """One that is there, or 404."""
        found = self._all.get(endpoint_id)
        if found is None or found.deleted_at is not None:
            raise PlatformError(404, f"endpoint {endpoint_id!r} not found", param="id")
        return found

    def listed(self) -> list[Endpoint]:
        """Those that the list shows, oldest first."""
        now = self._clock.now()
        return [one for one in self._all.values() if one.deleted_at is None and one.visible_at <= now]

    def create(self, name: Any, visibility: str = "", lag: float = 0) -> Endpoint:
        """A name is taken once; a second time is 409."""
        bare = slug_of(str(name or ""))
        if not NAME.fullmatch(bare):
            raise PlatformError(400, "name must be 1 to 63 characters of a-z, 0-9 and -", param="name")
        if self.named(bare) is not None:
            raise PlatformError(409, f"an endpoint named {bare!r} exists already", "already_exists", "name")
        now = self._clock.now()
        made = Endpoint(f"ep_{uuid4().hex[:24]}", bare, now, now + lag, now)
        return self._keep(replace(made, visibility=visibility) if visibility else made)

    def update(self, endpoint_id: str, changes: dict[str, Any], etag: str | None) -> Endpoint:
        """Change the split, the name or the visibility."""
        found = self.get(endpoint_id)
        _check_etag(found.version, etag)
        if "split" in changes:
            for deployment_id, weight in changes["split"]:
                if weight < 0 or self.deployment(endpoint_id, deployment_id) is None:
                    raise PlatformError(400, "weights must not be negative", param="trafficSplit")
        now = self._clock.now()
        return self._keep(replace(found, **changes, version=found.version + 1, updated_at=now))

    def delete(self, endpoint_id: str) -> None:
        """Only once it has no deployments."""
        found = self.get(endpoint_id)
        if self.deployments(endpoint_id):
            raise PlatformError(400, "delete the endpoint's deployments first", "failed_precondition")
        self._keep(replace(found, deleted_at=self._clock.now(), split=()))

    def named(self, bare: str) -> Endpoint | None:
        return next((one for one in self._all.values() if one.name == bare and one.deleted_at is None), None)

    # ---- deployments ----

    def deployments(self, endpoint_id: str) -> list[Deployment]:
        return [one for one in self._deployments.values() if one.endpoint_id == endpoint_id and not one.deleted_at]

    def deployment(self, endpoint_id: str, deployment_id: str) -> Deployment:
        found = self._deployments.get(deployment_id)
        if found is None or found.endpoint_id != endpoint_id or found.deleted_at is not None:
            raise PlatformError(404, f"deployment {deployment_id!r} not found", param="id")
        return found

    def deploy(self, endpoint_id: str, asked: dict[str, Any], plan: str = "ok", *, keep: bool = True) -> Deployment:
        """Begin to serve a model; with `keep` false it is only checked."""
        endpoint, now = self.get(endpoint_id), self._clock.now()
        name = str(asked.get("name") or "").rsplit("/", 1)[-1]
        if not NAME.fullmatch(name):
            raise PlatformError(400, "name must be 1 to 63 characters of a-z, 0-9 and -", param="name")
        if any(one.name == name for one in self.deployments(endpoint_id)):
            raise PlatformError(409, f"a deployment named {name!r} exists already", "already_exists", "name")
        model = registered(asked.get("model") or asked.get("modelId"), self._runs, now)
        config = asked.get("config") or asked.get("configId")
        instance = instance_of(config, model.base)
        if instance is None:
            raise PlatformError(400, f"config {config!r} does not go with model {model.path}", param="config")
        least, most = _replicas(asked.get("autoscaling"), 1, 1)
        made = Deployment(
            id=f"dep_{uuid4().hex[:24]}",
            endpoint_id=endpoint.id,
            name=name,
            model=model.pinned,
            config=str(config),
            hardware=instance.name,
            cents_per_hour=instance.cents_per_hour,
            created_at=now,
            updated_at=now,
            provision_seconds=self._clock.takes(self._provision_seconds),
            stop_seconds=self._clock.takes(self._stop_seconds),
            inactive_minutes=_idle(asked.get("inactiveTimeout")),
            plan=plan,
            min_replicas=least,
            max_replicas=most,
            spells=(Spell(now, least),) if least else (),
        )
        return self._keep_deployment(made) if keep else made

    def scale(self, endpoint_id: str, deployment_id: str, asked: dict[str, Any], *, keep: bool = True) -> Deployment:
        """Change replicas (0 and 0 stops it) or the inactivity timeout; with `keep` false only the answer is made."""
        found, now = self.deployment(endpoint_id, deployment_id), self._clock.now()
        _check_etag(found.version, asked.get("etag"))
        least, most = _replicas(asked.get("autoscaling"), found.min_replicas, found.max_replicas)
        ended, spells = found.ended(now), found.spells
        if spells and spells[-1].stop_at is None and (ended is not None or not most):
            spells = (*spells[:-1], replace(spells[-1], stop_at=now if ended is None else ended))
        if least and (not spells or spells[-1].stop_at is not None):
            spells = (*spells, Spell(now, least))
        changed = replace(
            found,
            min_replicas=least,
            max_replicas=most,
            inactive_minutes=_idle(asked.get("inactiveTimeout", found.inactive_minutes)),
            spells=spells,
            version=found.version + 1,
            updated_at=now,
        )
        return self._keep_deployment(changed) if keep else changed

    def remove(self, endpoint_id: str, deployment_id: str) -> None:
        """Only once it has stopped, and no traffic is led to it."""
        found, now = self.deployment(endpoint_id, deployment_id), self._clock.now()
        if found.state(now) != STOPPED and found.spells:
            raise PlatformError(400, f"deployment {found.id} has not stopped", "failed_precondition")
        if any(one == deployment_id and weight for one, weight in self.get(endpoint_id).split):
            raise PlatformError(400, f"deployment {found.id} is in the traffic split", "failed_precondition")
        self._keep_deployment(replace(found, deleted_at=now))

    # ---- who answers, what it costs ----

    def answering(self, name: str) -> Registered | None:
        """The model behind a name; None for a name that no endpoint ever had. 503 while it cannot answer."""
        bare, _, deployment = slug_of(name).partition("/")
        ever = [one for one in self._all.values() if one.name == bare]
        if not ever or not name.startswith(f"{ACCOUNT}/"):
            return None
        endpoint, now = ever[-1], self._clock.now()
        if endpoint.deleted_at is not None:
            raise PlatformError(404, f"Unable to access model {name}.", "model_not_available", "model")
        routed = {one for one, weight in endpoint.split if weight}
        for one in self.deployments(endpoint.id):
            wanted = one.name == deployment if deployment else one.id in routed
            if wanted and one.state(now) == READY:
                self._keep_deployment(replace(one, asked_last_at=now))
                return registered(one.model, self._runs, now)
        raise PlatformError(503, f"no deployment of {name} is ready for traffic", "routing_error", "model")

    def bill(self) -> dict[str, Any]:
        """Minutes and cents of every time that replicas were ready, and how many are now."""
        now = self._clock.now()
        items = []
        for one in self._deployments.values():
            for served in one.served(now):
                minutes = served.minutes(now)
                items.append(
                    {
                        "endpoint": self._all[one.endpoint_id].name,
                        "deployment": one.id,
                        "hardware": one.hardware,
                        "ready_at": served.ready_at,
                        "gone_at": served.gone_at if served.gone_at and served.gone_at <= now else None,
                        "minutes": minutes,
                        "cents": minutes * one.cents_per_hour / 60,
                    }
                )
        return {
            "items": items,
            "minutes": sum(item["minutes"] for item in items),
            "cents": sum(item["cents"] for item in items),
            "running": sum(item["gone_at"] is None for item in items),
        }

    def _keep(self, endpoint: Endpoint) -> Endpoint:
        self._state.put(ENDPOINT, endpoint.id, asdict(endpoint))
        self._all[endpoint.id] = endpoint
        return endpoint

    def _keep_deployment(self, deployment: Deployment) -> Deployment:
        self._state.put(DEPLOYMENT, deployment.id, asdict(deployment))
        self._deployments[deployment.id] = deployment
        return deployment


def _read(row: dict[str, Any]) -> Deployment:
    return Deployment(**{**row, "spells": tuple(Spell(**spell) for spell in row["spells"])})


def _pairs(split: Any) -> tuple[tuple[str, float], ...]:
    return tuple((str(one), float(weight)) for one, weight in split)


def _replicas(asked: Any, least: int, most: int) -> tuple[int, int]:
    scaling = asked if isinstance(asked, dict) else {}
    low = scaling.get("minReplicas", least)
    high = scaling.get("maxReplicas", low if "minReplicas" in scaling else most)
    if not (isinstance(low, int) and isinstance(high, int) and 0 <= low <= high <= 16):
        raise PlatformError(400, "minReplicas and maxReplicas: 0 to 16, the first not above the second", "invalid")
    return low, high


def _idle(minutes: Any) -> int:
    if minutes in (None, 0):
        return 0
    if not isinstance(minutes, int) or minutes not in IDLE:
        raise PlatformError(400, "inactiveTimeout must be 0 or 30 to 1440 minutes", param="inactiveTimeout")
    return minutes


def _check_etag(version: int, etag: Any) -> None:
    if etag is not None and etag != f"v{version}":
        raise PlatformError(409, f"etag is v{version}, not {etag}: it was changed meanwhile", "aborted", "etag")
