"""A process that does half of a large piece of work, where the machine has a second processor for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

LEAST = 1 << 25  #: bytes; less is done sooner than a process has begun


def worth_its_while(size: int) -> bool:
    """Whether a second process would help with so many bytes."""
    return size >= LEAST and processors() >= 2


def processors() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def begin(arguments: Sequence[str], descriptors: Sequence[int]) -> subprocess.Popen[bytes]:
    """Python with these arguments; it gets these open files, and nobody reads what it says. Raises OSError."""
    nothing = subprocess.DEVNULL
    command = [sys.executable, *arguments]
    return subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing, pass_fds=descriptors)


def end(process: subprocess.Popen[bytes]) -> None:
    """It is needed no more, or has ended."""
    process.kill()
    process.wait()
