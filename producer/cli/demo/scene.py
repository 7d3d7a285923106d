"""What the demo runs on: its own folder, ports and processes, away from everything else on this machine."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
import threading
import time
from pathlib import Path

import httpx

from common import logs
from common.errors import Unreachable
from common.settings import NAMES, Settings, load
from producer.cli.context import Tools
from producer.cli.crew import ROLES, Crew, here, python, roles, valkey

TRAIN_SECONDS = 4
TICK_SECONDS = 1
READY_S = 20.0  #: until the sandbox listens
TAIL_LINES = 12  #: of each log, when the demo fails


class Scene:
    """Started, then stopped. `output` keeps the logs; home is a temporary folder in it."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.logs = output / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        for name in ("valkey", "sandbox", "supervisor", *ROLES):
            (self.logs / f"{name}.log").unlink(missing_ok=True)
        self.home = Path(tempfile.mkdtemp(prefix="home-", dir=output))
        self.env = _environment(self.home)
        self.tools = Tools()
        self.tools.settings = load(environ=self.env, folder=self.home)
        self._crew = self._build()
        self._thread = threading.Thread(target=self._crew.run)
        self._log = (self.logs / "supervisor.log").open("w", encoding="utf-8")

    @property
    def settings(self) -> Settings:
        return self.tools.settings

    @property
    def alive(self) -> bool:
        """False once a role has ended in a way that makes going on no use."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Store, sandbox and roles. Raises Unreachable when one does not come up."""
        logs.configure(self.settings, self._log)
        self._crew.start_store(self.settings.redis_url)
        self._thread.start()
        self._await_sandbox()

    def stop(self, *, keep: bool) -> None:
        """Stop all processes; the temporary home goes too, but for `keep`."""
        if self._thread.is_alive():
            self._crew.roles.stop()
            self._thread.join()
        self._crew.stop_store()
        self._log.close()
        if not keep:
            shutil.rmtree(self.home, ignore_errors=True)

    def declare(self, name: str, model: str) -> None:
        """What a person does in the platform's web console: deploy a model under a name."""
        url = f"{self.settings.sandbox_url}/sandbox/deployments"
        httpx.post(url, json={"name": name, "model": model}, timeout=10).raise_for_status()

    def last_words(self) -> list[str]:
        """The ends of the logs."""
        lines: list[str] = []
        for file in sorted(self.logs.glob("*.log")):
            words = file.read_text("utf-8", "backslashreplace").splitlines()[-TAIL_LINES:]
            lines += [f"--- {file}", *words] if words else []
        return lines

    def _build(self) -> Crew:
        url = self.env[NAMES["sandbox_url"]]
        args = ["sandbox", "--port", url.rpartition(":")[2], "--train-seconds", str(TRAIN_SECONDS)]
        children = [python("sandbox", args, self.env, self.logs), *roles(self.env, logs=self.logs)]
        return Crew(children, valkey(self.settings, self.logs))

    def _await_sandbox(self) -> None:
        until = time.monotonic() + READY_S
        while time.monotonic() < until and self.alive:
            try:
                httpx.get(f"{self.settings.sandbox_url}/sandbox/health", timeout=2).raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.1)
                continue
            return
        raise Unreachable("the sandbox did not start")


def _environment(home: Path) -> dict[str, str]:
    """Every setting that could lead elsewhere is given, so that no .env or variable of the user's counts."""
    redis_url, sandbox_url = f"redis://127.0.0.1:{free_port()}/0", f"http://127.0.0.1:{free_port()}"
    fields = {
        "redis_url": redis_url,
        "broker_url": redis_url,
        "platform": "sandbox",
        "sandbox_url": sandbox_url,
        "inference_url": f"{sandbox_url}/v1",
        "together_api_key": "sandbox",
        "together_base_url": sandbox_url,
        "message_key": secrets.token_hex(32),
        "data_roots": "/",
        "artifacts": (home / "artifacts").absolute().as_uri(),
        "home": str(home.absolute()),
        "tick_seconds": str(TICK_SECONDS),
        "log_format": "console",
        "log_level": "INFO",
    }
    return {**{NAMES[field]: value for field, value in fields.items()}, "PYTHONPATH": here(), "NO_COLOR": "1"}


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def whole_environment(env: dict[str, str]) -> dict[str, str]:
    """For a command that is run as a person would."""
    return {**os.environ, **env}
