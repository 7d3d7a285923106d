"""Child processes kept alive: restarted with backoff when they end, stopped together."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from common.backoff import full_jitter

log = structlog.get_logger(__name__)

GRACE_S = 12.0  #: after SIGTERM, until SIGKILL
STEADY_S = 20.0  #: a child that lived so long starts again at once
LONGEST_S = 15.0
PARENT_ENV = "HINTRELAY_PARENT_PID"  #: a child ends when this process is gone


@dataclass(slots=True)
class Child:
    """One role as a process of its own, leader of its own group."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    again_at: float = 0.0

    def start(self) -> None:
        env = {**os.environ, **self.env, PARENT_ENV: str(os.getpid())}
        self.process = subprocess.Popen(list(self.argv), env=env, start_new_session=True, stdin=subprocess.DEVNULL)
        self.started = time.monotonic()

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Runs children until told to stop. `gone` tells which exit codes mean that starting again is no use."""

    def __init__(self, children: Sequence[Child], *, fatal: Callable[[int], bool] = lambda code: False) -> None:
        self.children = list(children)
        self._fatal = fatal
        self._stop = threading.Event()

    def start(self) -> None:
        for child in self.children:
            child.start()

    def stop(self, *_: object) -> None:
        self._stop.set()

    def run(self) -> int:
        """Watch until `stop`, or until a child ends with a fatal code; that code, else 0. Stops all children."""
        try:
            while not self._stop.wait(0.2):
                for child in self.children:
                    code = self._look(child)
                    if code is not None:
                        return code
            return 0
        finally:
            self.stop_children()

    def _look(self, child: Child) -> int | None:
        if child.alive:
            return None
        now = time.monotonic()
        if child.process is not None:
            code = child.process.returncode
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.process.pid, signal.SIGKILL)  # what it started must not outlive it
            child.process = None
            child.failures = 0 if now - child.started > STEADY_S else child.failures + 1
            if self._fatal(code):
                return code
            wait_s = min(full_jitter(child.failures), LONGEST_S) if child.failures else 0.0
            child.again_at = now + wait_s
            log.warning("process_ended", name=child.name, code=code, again_in_s=round(wait_s, 1))
        if now >= child.again_at:
            child.start()
        return None

    def stop_children(self, grace_s: float = GRACE_S) -> None:
        """SIGTERM to all, and SIGKILL to the groups of those that are left after `grace_s`."""
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        until = time.monotonic() + grace_s
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, until - time.monotonic()))
        for process in running:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def end_with_parent() -> None:
    """In a child: stop as by SIGTERM when the supervisor is gone, however it went."""
    parent = int(os.environ.get(PARENT_ENV) or 0)
    if not parent:
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
