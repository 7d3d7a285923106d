"""hintrelay as a subject: its settings, its processes, its customers."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from benchmarks.kit.processes import Crew
from benchmarks.kit.servers import ROOT, Valkey, valkey
from benchmarks.roads import Customer
from common import settings
from common.settings import Settings


@dataclass(frozen=True, slots=True)
class Installation:
    """hintrelay on an empty Valkey. `crew` are its workers, none of them started yet."""

    settings: Settings
    server: Valkey
    crew: Crew
    environ: dict[str, str]

    def customer(self, *, four: bool = False, url: str = "") -> Customer:
        """One of this installation, or of another database."""
        settings = replace(self.settings, redis_url=url) if url else self.settings
        return Customer(settings, four=four)

    def start_workers(self, layouts: Sequence[Sequence[str]]) -> None:
        """One process for each list of words that `python -m benchmarks.crew` takes."""
        for number, words in enumerate(layouts):
            self.crew.start(f"worker-{number}", [sys.executable, "-m", "benchmarks.crew", *words])

    def start_beat(self) -> None:
        self.crew.start("beat", [sys.executable, "-m", "worker", "beat"])


@contextmanager
def installation(folder: Path, platform_url: str = "http://127.0.0.1:9", **env: str) -> Iterator[Installation]:
    """`env` are further settings. Everything is stopped when the block is left."""
    with valkey(folder) as server:
        environ = {
            "HINTRELAY_HOME": str(folder / "home"),
            "HINTRELAY_REDIS_URL": server.url,
            "HINTRELAY_LOG_FORMAT": "json",
            "HINTRELAY_LOG_LEVEL": "WARNING",
            "TOGETHER_API_KEY": "bench",
            "TOGETHER_BASE_URL": platform_url,
            "PYTHONPATH": str(ROOT),
            **env,
        }
        with Crew(folder, environ) as crew:
            yield Installation(settings.load(environ=environ, folder=folder), server, crew, environ)
