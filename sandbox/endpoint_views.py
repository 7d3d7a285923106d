"""Endpoints and deployments as v2 shows them: camelCase, every field that the SDK's models require."""

from typing import Any

from .catalog import PROJECT
from .clock import iso
from .run import ACCOUNT
from .serving import READY, WORDS, Deployment, Endpoint


def endpoint_view(endpoint: Endpoint, deployments: list[Deployment], now: float) -> dict[str, Any]:
    """An endpoint with summaries of what it runs."""
    return {
        "id": endpoint.id,
        "name": f"{ACCOUNT}/{endpoint.name}",
        "projectId": PROJECT,
        "endpointType": "ENDPOINT_TYPE_DEDICATED",
        "visibility": endpoint.visibility,
        "createdAt": iso(endpoint.created_at),
        "updatedAt": iso(endpoint.updated_at),
        "etag": f"v{endpoint.version}",
        "trafficSplit": [{"deploymentId": one, "weight": weight} for one, weight in endpoint.split],
        "deployments": [_summary(one, endpoint, now) for one in deployments],
    }


def deployment_view(deployment: Deployment, endpoint: Endpoint, now: float) -> dict[str, Any]:
    """A deployment in full."""
    state = deployment.state(now)
    return {
        **_common(deployment, endpoint, now),
        "projectId": PROJECT,
        "endpointId": endpoint.id,
        "config": deployment.config,
        "configId": deployment.config.rsplit("/", 1)[-1],
        "etag": f"v{deployment.version}",
        "modelRevisionId": deployment.model.rsplit("/", 1)[-1],
        "inactiveTimeout": deployment.inactive_minutes,
        "updatedAt": iso(deployment.updated_at),
        "status": {
            "state": state,
            "message": WORDS[state],
            "readyReplicas": deployment.ready(now),
            "scheduledReplicas": deployment.ready(now),
        },
    }


def _summary(deployment: Deployment, endpoint: Endpoint, now: float) -> dict[str, Any]:
    return {
        **_common(deployment, endpoint, now),
        "state": deployment.state(now),
        "readyReplicas": deployment.ready(now),
    }


def _common(deployment: Deployment, endpoint: Endpoint, now: float) -> dict[str, Any]:
    routed = any(one == deployment.id and weight for one, weight in endpoint.split)
    return {
        "id": deployment.id,
        "name": f"{ACCOUNT}/{endpoint.name}/{deployment.name}",
        "autoscaling": {"minReplicas": deployment.min_replicas, "maxReplicas": deployment.max_replicas},
        "createdAt": iso(deployment.created_at),
        "estimatedEffectiveTrafficShare": 1.0 if routed and deployment.state(now) == READY else 0.0,
        "model": deployment.model,
        "modelId": deployment.model.split("/")[3],
        "trafficMode": "TRAFFIC_MODE_LIVE",
        "desiredReplicas": deployment.min_replicas,
        "hardware": deployment.hardware,
    }


def events_view(endpoint: Endpoint, deployments: list[Deployment], now: float) -> list[dict[str, Any]]:
    """What happened, newest first: creation, and each change of the number of ready replicas."""
    found = [_event(endpoint, "endpoint.created", endpoint.created_at, name=f"{ACCOUNT}/{endpoint.name}")]
    for one in deployments:
        name = f"{ACCOUNT}/{endpoint.name}/{one.name}"
        found.append(_event(endpoint, "deployment.created", one.created_at, one, name=name))
        for served in one.served(now):
            up = {"oldReplicas": 0, "newReplicas": served.replicas, "reason": "AllReplicasReady"}
            found.append(_event(endpoint, "deployment.scaled", served.ready_at, one, **up))
            if served.gone_at is not None and served.gone_at <= now:
                down = {"oldReplicas": served.replicas, "newReplicas": 0}
                found.append(_event(endpoint, "deployment.scaled", served.gone_at, one, **down))
    return sorted(found, key=lambda event: event["createdAt"], reverse=True)


def _event(endpoint: Endpoint, kind: str, at: float, of: Deployment | None = None, **more: Any) -> dict[str, Any]:
    subject = {"deploymentId": of.id} if of is not None else {}
    return {
        "id": f"ev_{kind}_{(of or endpoint).id}_{at:.3f}",
        "createdAt": iso(at),
        "endpointId": endpoint.id,
        "level": "LEVEL_INFO",
        "source": "sandbox",
        "sourceKind": "SOURCE_KIND_ENDPOINT" if of is None else "SOURCE_KIND_DEPLOYMENT",
        "type": kind,
        **subject,
        **more,
    }
