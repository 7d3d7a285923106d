"""Processes under measurement: started in groups of their own, weighed, and stopped by their ids."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import psutil

from benchmarks.kit.warden import WARDEN, undisturbed

PATIENCE_S = 60.0  #: a crew that has not done its work by then is broken, or this machine is
MB = 1_000_000


class Broken(Exception):
    """A process under measurement ended, or did not do what it was asked in time."""


class Crew:
    """Some processes, each with its children. Ends them when the block is left, however that happens; when this
    process itself is killed, the warden does."""

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> None:
        self.folder = folder
        self._env = dict(env or {})
        self._cwd = cwd
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def __enter__(self) -> Crew:
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()

    def start(self, name: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start one process; what it says goes to `<name>.log`."""
        with (self.folder / f"{name}.log").open("ab") as out, undisturbed():
            process = subprocess.Popen(
                list(command),
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=self._cwd or self.folder,
                env={**clean_environ(), **self._env, **(env or {})},
                start_new_session=True,
                preexec_fn=_listen,
            )
            WARDEN.watch(process.pid)
            self._running.append((name, process))
        return process

    def cpu_s(self) -> float:
        """CPU seconds that the processes and their children have used, user and system."""
        return sum(_cpu_of(process) for process in self._tree())

    def pss_mb(self) -> float:
        """Memory of all of them; what several share is counted once."""
        return sum(_pss_of(process) for process in self._tree()) / MB

    def pids(self) -> list[int]:
        return [process.pid for process in self._tree()]

    def check(self) -> None:
        """Raises Broken, with the end of its log, when one has ended."""
        for name, process in self._running:
            if process.poll() is not None:
                raise Broken(f"{name} ended with code {process.returncode}:\n{self.tail(name)}")

    def wait(self, timeout_s: float = PATIENCE_S) -> None:
        """Until all have ended by themselves, with code 0. Raises Broken."""
        until = time.monotonic() + timeout_s
        for name, process in self._running:
            try:
                code = process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise Broken(f"{name} did not end within {timeout_s:.0f} s:\n{self.tail(name)}") from None
            if code:
                raise Broken(f"{name} ended with code {code}:\n{self.tail(name)}")

    def tail(self, name: str, lines: int = 12) -> str:
        text = (self.folder / f"{name}.log").read_text("utf-8", "replace")
        return "\n".join(text.splitlines()[-lines:])

    def stop(self, grace_s: float = 8.0) -> None:
        with undisturbed():
            self._stop(grace_s)

    def _stop(self, grace_s: float) -> None:
        for _, process in reversed(self._running):
            if process.poll() is None:
                process.terminate()
        until = time.monotonic() + grace_s
        for _, process in reversed(self._running):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, until - time.monotonic()))
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()
            WARDEN.release(process.pid)
        self._running.clear()

    def _tree(self) -> Iterator[psutil.Process]:
        for _, process in self._running:
            with contextlib.suppress(psutil.NoSuchProcess):
                parent = psutil.Process(process.pid)
                yield parent
                yield from parent.children(recursive=True)


def tell(command: Sequence[str], env: Mapping[str, str], cwd: Path, timeout_s: float = 300.0) -> bytes:
    """What a command prints. It is bounded as a crew is. Raises Broken when it fails or takes too long."""
    with undisturbed():
        process = subprocess.Popen(
            list(command),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            cwd=cwd,
            env=dict(env),
            start_new_session=True,
            preexec_fn=_listen,
        )
        WARDEN.watch(process.pid)
    words = " ".join(Path(word).name for word in command[:4])
    with process:
        try:
            out, err = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            raise Broken(f"{words}: not done within {timeout_s:.0f} s") from None
        finally:
            with undisturbed():
                _signal_group(process.pid, signal.SIGKILL)
                process.wait()
                WARDEN.release(process.pid)
    if process.returncode:
        raise Broken(f"{words} ended with code {process.returncode}:\n{err.decode('utf-8', 'replace')[-800:]}")
    return out


def _listen() -> None:
    """In the child: signals that were put off for its start are its own affair again."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def clean_environ() -> dict[str, str]:
    """This process's environment without settings of ours, so that a developer's own do not count."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("HINTRELAY_", "TOGETHER_", "BENCH_"))}


def await_true(
    check: Callable[[], bool], what: str, crew: Crew | None = None, timeout_s: float = PATIENCE_S, step_s: float = 0.01
) -> None:
    """Return once `check` says yes. Raises Broken after `timeout_s`, or when one of `crew` has ended."""
    until = time.monotonic() + timeout_s
    looked = 0.0
    while not check():
        now = time.monotonic()
        if crew is not None and now - looked > 1.0:
            crew.check()
            looked = now
        if now > until:
            raise Broken(f"not within {timeout_s:.0f} s: {what}")
        time.sleep(step_s)


def _cpu_of(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0


def _pss_of(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        full = process.memory_full_info()
        return float(getattr(full, "pss", 0) or full.uss)  # macOS has no PSS
    return 0.0


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
