"""One measured run: a full queue, workers let go at once, the time until all of it is through."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from benchmarks.kit.processes import Crew, await_true
from benchmarks.kit.rounds import Figures
from benchmarks.kit.servers import Valkey

WARM = 20  #: pipelines before the measured ones: imports, connections, forks


class Sharing(Protocol):
    """A peer whose processes each run their part."""

    @property
    def processes(self) -> int: ...
    @property
    def server(self) -> tuple[str, ...]: ...


def drain(
    crew: Crew, send: Callable[[str, int], object], done: Callable[[], int], count: int, server: Valkey
) -> Figures:
    """Warm up, fill a queue in another database of the same server, then swap the two: all of it is there at once,
    and the sender's CPU is not in the figures. `send` takes a URL and how many; `done` counts in the first database."""
    send(server.url, WARM)
    await_true(lambda: done() >= WARM, f"the first {WARM} pipelines are through", crew)
    send(server.beside, count)
    before, database_before, began = crew.cpu_s(), server.crew.cpu_s(), time.perf_counter()
    server.client.swapdb(0, 1)
    await_true(lambda: done() >= count, f"{count} pipelines are through", crew)
    return _figures(count, time.perf_counter() - began, crew, before, server.crew.cpu_s() - database_before)


def shared_run(crew: Crew, script: Sequence[str], peer: Sharing, count: int, server: Valkey) -> Figures:
    """Processes that each warm up, then run their part of the pipelines from the word go."""
    env = {"BENCH_WARM": str(min(WARM, count // 2) // peer.processes)}
    if peer.server:
        env |= _start_server(crew, peer.server)
    part = max(1, count // peer.processes)
    for number in range(peer.processes):
        crew.start(f"worker-{number}", [*script, "share", str(part)], env)
    await_true(lambda: server.number("bench:ready") == peer.processes, "all processes are ready", crew)
    warmed, total = server.number("bench:done"), part * peer.processes
    before, database_before, began = crew.cpu_s(), server.crew.cpu_s(), time.perf_counter()
    server.client.set("bench:go", 1)
    await_true(lambda: server.number("bench:done") >= warmed + total, f"{total} pipelines are through", crew)
    return _figures(total, time.perf_counter() - began, crew, before, server.crew.cpu_s() - database_before)


def _start_server(crew: Crew, command: tuple[str, ...]) -> dict[str, str]:
    """Prefect's server; the processes find it by an environment variable."""
    from benchmarks.kit.servers import free_port, listens

    port = free_port()
    env = {
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_LOGGING_LEVEL": "ERROR",
        "PREFECT_HOME": str(crew.folder / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    crew.start("server", [*command, str(port)], env)
    await_true(lambda: listens(port), "the server listens", crew)
    return env


def _figures(count: int, wall_s: float, crew: Crew, cpu_before: float, database_s: float) -> Figures:
    return {
        "pipelines_per_s": count / wall_s,
        "cpu_ms": (crew.cpu_s() - cpu_before) / count * 1000,
        "database_ms": database_s / count * 1000,
        "pss_mb": crew.pss_mb(),
        "processes": float(len(crew.pids())),
        "pipelines": float(count),
        "wall_s": wall_s,
    }
