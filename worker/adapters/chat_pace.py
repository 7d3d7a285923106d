"""Chat requests at the shared pace: a refusal for their number is waited out, briefly, before it becomes a fault."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from common.errors import Busy
from worker.pacing import Pace, Paces, Unpaced

T = TypeVar("T")

PATIENCE_S = 20.0  #: for one question; who is refused for longer goes back to `due` with all that is left


def pace_of(paces: Paces | None, model: str) -> Pace:
    """The pace of one model's requests."""
    return paces.of_model(model) if paces is not None else Unpaced()


def at_pace(pace: Pace, call: Callable[[], T]) -> T:
    """What `call` gives; the others of its window wait at the same pace meanwhile. Raises Busy after its patience."""
    until = time.monotonic() + PATIENCE_S
    while True:
        pace.before(max(0.0, until - time.monotonic()))
        try:
            return call()
        except Busy:
            if time.monotonic() >= until:
                raise


async def at_pace_async(pace: Pace, call: Callable[[], Awaitable[T]]) -> T:
    """The same for a call that is awaited. A pace asks Redis and sleeps: never on the loop."""
    loop, until = asyncio.get_running_loop(), time.monotonic() + PATIENCE_S
    while True:
        if not isinstance(pace, Unpaced):
            await loop.run_in_executor(None, pace.before, max(0.0, until - time.monotonic()))
        try:
            return await call()
        except Busy as exc:
            if time.monotonic() >= until:
                raise
            if isinstance(pace, Unpaced):
                await asyncio.sleep(min(exc.after_s or 0.5, PATIENCE_S))
