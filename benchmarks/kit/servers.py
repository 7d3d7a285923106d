"""Servers that the measured programs need, each on a free port of 127.0.0.1: Valkey, the platform's stand-in."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import redis

from benchmarks.kit.processes import Crew, await_true
from common.embedded import argv, await_ready

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Valkey:
    """One empty server, as `hintrelay up` starts it; every subject of a round gets its own."""

    def __init__(self, url: str, crew: Crew) -> None:
        self.url = url
        self.crew = crew
        self.client: redis.Redis = redis.Redis.from_url(url, decode_responses=True)

    @property
    def beside(self) -> str:
        """Another, empty database of the same server."""
        return self.url.removesuffix("/0") + "/1"

    def number(self, key: str) -> int:
        return int(str(self.client.get(key) or 0))

    def used_bytes(self) -> int:
        info = self.client.info("memory")
        return int(info["used_memory"])


@contextlib.contextmanager
def valkey(folder: Path) -> Iterator[Valkey]:
    """An empty Valkey in `folder`, gone when the block is left."""
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    with Crew(folder) as crew:
        await_ready(url, crew.start("valkey", argv(folder / "valkey", port)))
        server = Valkey(url, crew)
        try:
            yield server
        finally:
            server.client.close()


@contextlib.contextmanager
def platform(folder: Path, *options: str) -> Iterator[tuple[str, Crew]]:
    """The benchmarks' own stand-in platform (benchmarks/platform.py): its root URL, and the process."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.platform", "--port", str(port), *options]
    with Crew(folder, {"PYTHONPATH": str(ROOT)}) as crew:
        crew.start("platform", command)
        await_true(lambda: listens(port), "the stand-in platform listens", crew, 20)
        yield f"http://127.0.0.1:{port}", crew


@contextlib.contextmanager
def sandbox(folder: Path, *options: str) -> Iterator[tuple[str, Crew]]:
    """The project's sandbox: its root URL, and the process."""
    port = free_port()
    with Crew(folder, {"PYTHONPATH": str(ROOT)}) as crew:
        crew.start("sandbox", [sys.executable, "-m", "sandbox", "--port", str(port), *options])
        await_true(lambda: listens(port), "the sandbox listens", crew, 20)
        yield f"http://127.0.0.1:{port}", crew


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
        return True
    return False
