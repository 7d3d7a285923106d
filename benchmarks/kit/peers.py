"""The peers: which there are, their environments, and one pipeline run of each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kit.drain import drain, shared_run
from benchmarks.kit.processes import Broken, Crew, clean_environ, tell
from benchmarks.kit.rounds import Figures
from benchmarks.kit.servers import valkey

HERE = Path(__file__).resolve().parents[1]
SCRIPTS = HERE / "peers"
MAKE_S = 600.0  #: for the downloads of one environment
ENVS = Path(os.environ.get("BENCH_ENVS") or HERE / ".envs")  #: one folder may serve several checkouts


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to run four stages. `quick` and `full` say how many pipelines a round has; 0: not in `make bench`."""

    name: str
    script: str
    env: str
    quick: int
    full: int
    processes: int = 2
    threads: int = 1
    extra: tuple[str, ...] = ()
    shares: bool = False  #: it has no queue for another process to fill: each process runs its half
    server: tuple[str, ...] = ()
    again: bool = False  #: another setting of the one before; not where the benchmark sets the threads itself


PEERS = (
    Peer("Celery chain, 2 solo workers", "celery_chain", "celery", 300, 600, extra=("solo",)),
    Peer("Celery chain, prefork 2", "celery_chain", "celery", 0, 400, processes=1, threads=2, extra=("prefork",)),
    Peer("Celery chain, 2 x threads", "celery_chain", "celery", 0, 400, threads=4, extra=("threads",)),
    Peer("dramatiq, 4 threads", "dramatiq_pipeline", "dramatiq", 500, 1000, threads=4),
    Peer("huey, 1 thread", "huey_pipeline", "huey", 500, 1000),
    Peer("huey, 4 threads", "huey_pipeline", "huey", 500, 1000, threads=4, again=True),
    Peer("taskiq", "taskiq_pipeline", "taskiq", 0, 800, threads=10),
    Peer("arq", "arq_stages", "arq", 0, 300),
    Peer("RQ", "rq_dependent", "rq", 0, 150),
    Peer("DBOS", "dbos_workflow", "dbos", 0, 100, shares=True),
    Peer("Prefect", "prefect_flow", "prefect", 0, 10, shares=True, server=("prefect", "server", "start", "--port")),
    Peer("floor: bare Lua calls", "floor", "celery", 2000, 4000, shares=True),
)
FLOOR = "floor: bare Lua calls"
BARE_CELERY = tuple(peer.name for peer in PEERS if peer.env == "celery" and not peer.shares)


def packages() -> Mapping[str, tuple[str, ...]]:
    """Environment -> what the peer consists of, beside what it brings along."""
    beside = {"celery": ("kombu", "redis"), "taskiq": ("taskiq-redis", "taskiq-pipelines")}
    return {peer.env: (peer.env, *beside.get(peer.env, ())) for peer in PEERS}


def environment(name: str, say: Callable[[str], None]) -> Path:
    """The Python of a peer's environment, which is made at the first time, from its pinned requirements."""
    wanted = SCRIPTS / f"requirements-{name}.txt"
    folder = ENVS / name
    stamp = folder / "requirements.txt"
    python = folder / "bin" / "python"
    if stamp.is_file() and stamp.read_bytes() == wanted.read_bytes():
        return python
    say(f"making the environment of {name} under {ENVS}; once, up to a minute")
    ENVS.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with (ENVS / f"{name}.log").open("wb") as log:
            for command in (
                [sys.executable, "-m", "venv", str(folder)],
                [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(wanted)],
            ):
                subprocess.run(command, stdout=log, stderr=log, check=True, timeout=MAKE_S)
    except subprocess.SubprocessError as exc:
        raise Broken(f"the environment of {name} could not be made; see {ENVS / name}.log") from exc
    stamp.write_bytes(wanted.read_bytes())
    return python


def run(
    peer: Peer, count: int, folder: Path, say: Callable[[str], None], extra_env: dict[str, str] | None = None
) -> Figures:
    """One round: an empty Valkey, fresh processes, `count` pipelines."""
    python = environment(peer.env, say)
    with valkey(folder) as server:
        env = {
            "BENCH_REDIS_URL": server.url,
            "BENCH_FOLDER": str(folder),
            "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}",
            **(extra_env or {}),
        }
        script = [str(python), str(SCRIPTS / f"{peer.script}.py")]
        with Crew(folder, env, cwd=SCRIPTS) as crew:
            if peer.shares:
                return shared_run(crew, script, peer, count, server)
            for number in range(peer.processes):
                crew.start(f"worker-{number}", [*script, "work", str(peer.threads), *peer.extra])

            def send(url: str, how_many: int) -> None:
                tell([*script, "send", str(how_many)], {**clean_environ(), **env, "BENCH_REDIS_URL": url}, SCRIPTS)

            return drain(crew, send, lambda: server.number("bench:done"), count, server)
