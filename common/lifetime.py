"""What is closed when the object that opened it is no longer used."""

from __future__ import annotations

import weakref
from collections.abc import Callable


def close_with(owner: object, close: Callable[[], object]) -> None:
    """Call `close` once `owner` has gone, before anything that went with it: an SDK's client closes itself too, but by
    then the collector may have found its connections first. `close` must not hold `owner`. At the end of the process
    it is not called: threads may still be at work."""
    weakref.finalize(owner, close).atexit = False
