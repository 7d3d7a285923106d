"""The worker's composition root: everything from Settings, after any fork."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.artifacts import ArtifactStore
from common.commands import Commands
from common.connection import connect
from common.keys import QUEUE_HINTS, QUEUE_PLATFORM
from common.ledger import Ledger
from common.names import fingerprint
from common.sender import Sender
from common.settings import Settings
from common.store import Store
from worker.adapters.datasets import DatasetFiles
from worker.endpoints.keeper import Bounds, Keeper
from worker.lazy import Lazy
from worker.leases import LeaseKeeper
from worker.pacing import Paces
from worker.ports import Platform, Ports
from worker.recall import Recall
from worker.runner import Runner
from worker.serving import Endpoints
from worker.stages import BY_NAME
from worker.stopping import StopFlag
from worker.tick import Tick

if TYPE_CHECKING:
    from common.prices import Prices

QUEUES = {"platform": QUEUE_PLATFORM, "hints": QUEUE_HINTS}


def actor(role: str) -> str:
    """Who acts, as leases and events name it: role@host:pid."""
    return f"{role}@{socket.gethostname()}:{os.getpid()}"


def make_store(settings: Settings, role: str) -> Store:
    return Store(
        connect(settings.redis_url),
        url=settings.redis_url,
        actor=actor(role),
        events_kept=settings.events_kept,
        nudge_ms=int(settings.nudge_seconds * 1000),
    )


def make_ports(settings: Settings, *, hints: bool) -> Ports:
    """The real adapters. HintEval's only where `hints`: it is heavy, and a light install does not have it."""
    key, paces = settings.api_key.get_secret_value(), make_paces(settings)
    endpoints: Any = Lazy(lambda: _endpoints(settings, key, paces))
    platform: Any = Lazy(lambda: _platform(settings, key, paces))
    prices: Any = _prices(settings.prices) if settings.prices else Lazy(_prices)  # a file that is none: said now
    return Ports(
        platform=platform,
        artifacts=ArtifactStore(settings.artifacts_url, scratch=settings.scratch),
        datasets=DatasetFiles(settings.data_roots),
        endpoints=endpoints,
        catalog=endpoints,
        doubt_s=settings.doubt_seconds,
        max_running=settings.max_running,
        sleep=time.sleep,
        prices=prices,
        **_hint_ports(settings, key, paces)
        if hints
        else dict.fromkeys(("hint_model", "scorer", "judge"), _Elsewhere()),
    )


def _prices(path: str = "") -> Prices:
    from common.prices import load

    return load(path)


def make_paces(settings: Settings) -> Paces:
    """Of the account that the settings name."""
    return Paces(
        connect(settings.redis_url),
        fingerprint(settings.platform_root, settings.api_key.get_secret_value()),
        platform_rps=settings.platform_rps,
        model_rps=settings.model_rps,
    )


def _platform(settings: Settings, key: str, paces: Paces) -> Platform:
    from worker.adapters.together import TogetherPlatform

    timeout_s, pace = settings.request_timeout_seconds, paces.of_platform()
    return TogetherPlatform(base_url=settings.platform_url, api_key=key, timeout_s=timeout_s, pace=pace)


def _endpoints(settings: Settings, key: str, paces: Paces) -> Endpoints:
    from worker.adapters.together_endpoints import TogetherEndpoints

    pace = paces.of_platform()
    return TogetherEndpoints(root=settings.platform_root, chat_url=settings.chat_url, api_key=key, pace=pace)


def _hint_ports(settings: Settings, key: str, paces: Paces) -> dict[str, Any]:
    from worker.adapters.hinteval import HintEvalModel
    from worker.adapters.hinteval_judge import HintEvalJudge
    from worker.adapters.hinteval_scores import HintEvalScorer

    return {
        "hint_model": HintEvalModel(base_url=settings.chat_url, api_key=key, paces=paces),
        "scorer": HintEvalScorer(settings.home / "models"),
        "judge": HintEvalJudge(base_url=settings.chat_url, api_key=key, paces=paces),
    }


class _Elsewhere:
    """Stands where a stage of the other queue would find its port; no such stage runs here."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} is done on the hints queue")


@dataclass(frozen=True, slots=True)
class Machine:
    """What a worker process works with. The tick is there where the platform queue is served."""

    runner: Runner
    tick: Tick | None


def build(settings: Settings, queues: Sequence[str], stop: StopFlag, ports: Ports | None = None) -> Machine:
    """`queues` are of platform, hints; `ports` other than the real ones are for tests. Connects when first used."""
    store = make_store(settings, "+".join(queues))
    ports = ports or make_ports(settings, hints="hints" in queues)
    keeper = LeaseKeeper(store, stop, lease_s=settings.lease_seconds, limit_s=settings.stage_limit_seconds)
    sender = Sender(settings)
    runner = Runner(
        store,
        keeper,
        ports,
        BY_NAME,
        stop,
        sender,
        queues=frozenset(QUEUES[name] for name in queues),
        lease_s=settings.lease_seconds,
        ledger=Ledger.beside(store, settings.installation or ""),
        recall=Recall(store, sender, make_paces(settings).room),
    )
    tick = None
    if "platform" in queues:
        tick = Tick(
            store,
            ports.platform,
            sender,
            period_s=settings.tick_seconds,
            look_s=settings.look_seconds,
            max_backlog=settings.max_backlog,
            max_running=settings.max_running,
            keeper=_keeper(settings, store, ports),
            poll_max_s=settings.poll_max_seconds,
            keep_ms=settings.keep_ms,
        )
    return Machine(runner, tick)


def _keeper(settings: Settings, store: Store, ports: Ports) -> Keeper:
    bounds = Bounds(
        most=settings.max_endpoints,
        each=settings.hints_concurrency,
        provision_ms=int(settings.provision_seconds * 1000),
        doubt_ms=int(settings.doubt_seconds * 1000),
    )
    ledger = Ledger.beside(store, settings.installation or "")
    return Keeper(store, ledger, ports.endpoints, ports.catalog, bounds, ports.prices)


def make_commands(settings: Settings) -> Commands:
    """What the inbox reader does with messages."""
    return Commands(make_store(settings, "inbox"), Sender(settings))
