"""Real processes for the tests: Valkey, a platform, workers, beat, inbox; each stopped by its process id."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from common import settings
from common.embedded import argv, await_ready
from common.job import Job
from common.states import FINISHED
from producer import Producer
from producer.bootstrap import build

KEY = "canary-key-5b1f"
ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "producer" / "sample" / "hints-60.json"
PATIENCE_S = 90.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(check: Callable[[], Any], what: str, timeout_s: float = PATIENCE_S) -> Any:
    """The first true answer of `check`; fails with `what` after `timeout_s`."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        answer = check()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"not within {timeout_s:.0f} s: {what}")


class Stack:
    """One installation in `folder`. `start` takes a role; several of one role may run."""

    def __init__(self, folder: Path, platform_url: str | None = None, **env: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.redis_url = f"redis://127.0.0.1:{self.port}/0"
        self.env: dict[str, str] = {
            "HINTRELAY_HOME": str(folder / "home"),
            "HINTRELAY_REDIS_URL": self.redis_url,
            "HINTRELAY_TICK_SECONDS": "0.5",
            "HINTRELAY_LOG_FORMAT": "json",
            "HINTRELAY_PLATFORM_CONCURRENCY": "8",
            "TOGETHER_API_KEY": KEY,
            "PYTHONPATH": str(ROOT),
            **({"TOGETHER_BASE_URL": platform_url} if platform_url else {}),
            **env,
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.sandbox_port = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.start_valkey()

    # ---- processes ----

    def spawn(self, name: str, command: list[str], env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as out:
            process = subprocess.Popen(
                command,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                env={**clean_environ(), **self.env, **(env or {})},
                start_new_session=True,
            )
        self.processes[name] = process
        return process

    def start_valkey(self) -> None:
        command = argv(self.folder / "valkey", self.port)
        command[command.index("--appendfsync") + 1] = "always"
        await_ready(self.redis_url, self.spawn("valkey", command))

    def start_sandbox(self, *options: str) -> None:
        self.sandbox_port = self.sandbox_port or free_port()
        data = str(self.folder / "sandbox")
        command = [sys.executable, "-m", "sandbox", "--port", str(self.sandbox_port), "--data", data, *options]
        self.spawn("sandbox", command)
        self.env["TOGETHER_BASE_URL"] = url = f"http://127.0.0.1:{self.sandbox_port}"
        eventually(lambda: _answers(f"{url}/sandbox/health"), "the sandbox answers", 20)

    def start(self, role: str, *args: str, name: str | None = None, env: Mapping[str, str] | None = None) -> None:
        """A role of `python -m worker`: serve, celery QUEUE, inbox, beat."""
        self.spawn(name or role, [sys.executable, "-m", "worker", role, *args], env)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Signal a process and all it started."""
        process = self.processes[name]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        if number in {signal.SIGKILL, signal.SIGTERM}:
            process.wait(20)

    def stop(self) -> None:
        order = sorted(self.processes, key=lambda name: name in {"valkey", "sandbox"})
        for name in order:
            process = self.processes[name]
            if name not in {"valkey", "sandbox"} and process.poll() is None:
                process.terminate()
        for name in order:
            if name not in {"valkey", "sandbox"}:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.processes[name].wait(15)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.processes[name].pid, signal.SIGKILL)
            self.processes[name].wait()

    # ---- people ----

    def producer(self) -> Producer:
        return build(settings.load(environ=self.env, folder=self.folder))

    def cli(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "producer.cli", *words],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**clean_environ(), **self.env, **(env or {})},
            timeout=60,
            check=False,
        )

    def json(self, *words: str) -> Any:
        done = self.cli(*words, "-o", "json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def until(self, job_id: str, states: set[str], timeout_s: float = PATIENCE_S) -> Job:
        producer = self.producer()

        def look() -> Job | None:
            job = producer.get(job_id)
            return job if job.state in states else None

        return eventually(look, f"{job_id} is {'/'.join(states)}: {self.tail()}", timeout_s)  # type: ignore[no-any-return]  # `eventually` gives what `look` does

    def until_all_ended(self, timeout_s: float = PATIENCE_S) -> list[Job]:
        producer = self.producer()

        def look() -> list[Job] | None:
            jobs = producer.list()
            return jobs if all(job.state in FINISHED for job in jobs) else None

        return eventually(look, "all jobs have ended", timeout_s)  # type: ignore[no-any-return]  # as above

    def sandbox(self, method: str, path: str, body: Any = None) -> Any:
        url = f"http://127.0.0.1:{self.sandbox_port}/sandbox/{path}"
        return httpx.request(method, url, json=body, timeout=10).raise_for_status().json()

    def tail(self, lines: int = 15) -> str:
        """The last lines of every log, for a failure's message."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(
            f"--- {p.name}\n" + "\n".join(p.read_text("utf-8", "replace").splitlines()[-lines:]) for p in logs
        )


def clean_environ() -> dict[str, str]:
    """This process's environment without settings of ours, so that a developer's own do not count."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("HINTRELAY_", "TOGETHER_"))}


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1).status_code == 200
    except httpx.HTTPError:
        return False
