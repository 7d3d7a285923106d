"""Nothing that a benchmark starts outlives it: a warden process hears when it is gone, and ends what it left.

Each process under measurement leads a group of its own. The benchmark tells the warden of each through a pipe; when the
pipe closes, by whatever death, the warden kills the groups that are still on its list. Only the standard library: the
warden is `python warden.py` with the pipe as its standard input.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from types import FrameType

ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
PUT_OFF = (*ENDS, signal.SIGALRM)


class Warden:
    """The benchmark's end of the pipe. Starts its process with the first group it hears of."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, group: int) -> None:
        self._tell(f"+{group}\n")

    def release(self, group: int) -> None:
        """It has ended: its number may soon be someone else's."""
        self._tell(f"-{group}\n")

    def _tell(self, word: str) -> None:
        if self._process is None:
            command = [sys.executable, "-I", __file__]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
            atexit.register(self._close)
        assert self._process.stdin is not None, "it was opened as a pipe"
        self._process.stdin.write(word.encode())
        self._process.stdin.flush()

    def _close(self) -> None:
        assert self._process is not None, "it was started"
        self._process.communicate()


WARDEN = Warden()


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Signals that would end this block wait until it is over: half a clean-up is none."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, PUT_OFF)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def ending_in_order() -> Iterator[None]:
    """SIGTERM, SIGINT and SIGHUP leave all blocks in order, as an exception does."""
    before = {number: signal.getsignal(number) for number in ENDS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # nohup, or a shell's background job
            signal.signal(number, _leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _: FrameType | None) -> None:
    for other in ENDS:
        signal.signal(other, signal.SIG_IGN)  # a second one must not cut the clean-up short
    raise SystemExit(128 + number)


def left_over(words: Iterable[str]) -> set[int]:
    """The groups that were begun and not released."""
    groups: set[int] = set()
    for word in words:
        group = int(word[1:])
        if word.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    return groups


def main() -> None:
    """Read until the other end is gone."""
    for group in left_over(line.strip() for line in sys.stdin):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
