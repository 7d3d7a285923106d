"""One Celery worker process: its pool, its signals, its parts made after the fork."""

from __future__ import annotations

import gc
import importlib
import os
import socket
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from common import logs
from common.broker import make_celery
from common.keys import QUEUE_TICK
from common.scratch import Scratch
from common.settings import Settings
from common.supervisor import end_with_parent
from worker import tasks
from worker.bootstrap import QUEUES, Machine, build, make_store
from worker.liveness import show_signs_of_life
from worker.ports import Ports
from worker.stopping import StopFlag

log = structlog.get_logger(__name__)


def run(
    settings: Settings, queues: Sequence[str], concurrency: int | None = None, ports: Callable[[], Ports] | None = None
) -> None:
    """Serve `queues` until SIGTERM. Threads wait on the platform; HintEval is CPU-bound and gets processes."""
    settings.api_key  # noqa: B018  # no key: say so now, not at the first job
    from celery.platforms import SecurityWarning

    app = make_celery(settings)
    stop = StopFlag()
    machines: dict[int, Machine] = {}
    building = threading.Lock()  # free at the fork: the main process of a forking pool builds nothing

    def machine() -> Machine:
        """This process's own parts: a connection must not cross a fork; one set for all of its threads."""
        pid = os.getpid()
        with building:
            if pid not in machines:
                Scratch(settings.scratch).sweep()  # of processes that were killed
                machines[pid] = build(settings, queues, stop, ports() if ports else None)
            return machines[pid]

    tasks.register(app, machine)
    _connect_signals(settings, queues, stop, with_hinteval="hints" in queues and ports is None)
    end_with_parent()
    warnings.filterwarnings("ignore", category=SecurityWarning)  # of root: the container's user is ours to choose
    app.worker_main(_argv(settings, queues, concurrency))


def _argv(settings: Settings, queues: Sequence[str], concurrency: int | None) -> list[str]:
    forks = "hints" in queues
    names = [QUEUES[name] for name in queues] + ([QUEUE_TICK] if "platform" in queues else [])
    count = concurrency or (settings.hints_concurrency if forks else settings.platform_concurrency)
    return [
        "--quiet",
        "worker",
        "--queues",
        ",".join(names),
        "--pool",
        "prefork" if forks else "threads",
        "--concurrency",
        str(count),
        "--hostname",
        f"{'-'.join(queues)}-{os.getpid()}@{socket.gethostname()}",
        "--loglevel",
        settings.log_level,
        "--without-gossip",
        "--without-mingle",
    ]


def _connect_signals(settings: Settings, queues: Sequence[str], stop: StopFlag, *, with_hinteval: bool) -> None:
    from celery import signals

    @signals.setup_logging.connect(weak=False)  # type: ignore[untyped-decorator]  # Celery is untyped
    def set_up_logging(**_: Any) -> None:
        logs.configure(settings)

    @signals.worker_init.connect(weak=False)  # type: ignore[untyped-decorator]  # Celery is untyped
    def before_the_fork(**_: Any) -> None:
        if "hints" in queues:  # a second of CPU, paid once and shared by the children; threads pay when they need it
            importlib.import_module("worker.adapters.together")
        if with_hinteval:
            from worker.adapters import hinteval

            hinteval.load()
        gc.collect()
        gc.freeze()  # with HintEval, a child then costs 15 MB instead of 300
        log.info("worker_starting", queues=list(queues), pid=os.getpid())

    @signals.worker_ready.connect(weak=False)  # type: ignore[untyped-decorator]  # Celery is untyped
    def ready(sender: Any, **_: Any) -> None:
        show_signs_of_life(make_store(settings, "worker"), queues, sender)
        log.info("worker_ready", queues=list(queues))

    @signals.worker_shutting_down.connect(weak=False)  # type: ignore[untyped-decorator]  # Celery is untyped
    def shutting_down(**_: Any) -> None:
        stop.set()
