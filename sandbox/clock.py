"""The sandbox's time: wall time plus what a test has moved it on."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache


class Clock:
    """Tells the platform's time; `speed` shortens what the platform takes, `rate` the seconds themselves."""

    def __init__(
        self,
        speed: float = 1.0,
        ahead: float = 0.0,
        wall: Callable[[], float] = time.time,
        *,
        rate: float = 1.0,
        since: float | None = None,
    ) -> None:
        self.speed = speed
        self.ahead = ahead
        self.rate = rate
        self._wall = wall
        self.since = wall() if since is None else since  #: from when on it has gone at its rate

    def now(self) -> float:
        """Seconds since 1970, as the platform sees them."""
        wall = self._wall()
        return wall + self.ahead + (wall - self.since) * (self.rate - 1)

    def advance(self, seconds: float) -> float:
        """Move the platform's time on; returns the new now."""
        self.ahead += seconds
        return self.now()

    def takes(self, seconds: float) -> float:
        """How long something of that nominal length takes at this speed."""
        return seconds / self.speed


@lru_cache(maxsize=65_536)
def iso(seconds: float) -> str:
    """A moment as the platform writes it: ISO 8601, UTC, milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
