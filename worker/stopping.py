"""A flag that a process and the children it forks share: the worker is to stop, and since when."""

from __future__ import annotations

import mmap
import struct
import time


class StopFlag:
    """Set by the signal handler of the main process, read everywhere; made before the fork."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)  # anonymous and shared: a fork sees what is written later

    def set(self) -> None:
        if not self.since():
            self._memory[:8] = struct.pack("d", time.monotonic())

    def since(self) -> float:
        """When it was set, by the monotonic clock in s; 0 when it was not."""
        value: float = struct.unpack("d", self._memory[:8])[0]
        return value

    def __bool__(self) -> bool:
        return self.since() > 0
