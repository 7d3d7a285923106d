"""The log of requests that tests and benchmarks count."""

from collections import Counter, deque
from dataclasses import dataclass

#: Requests kept; older ones leave the log but stay in the counts.
KEPT = 100_000


@dataclass(frozen=True)
class Entry:
    """One request: its status is a number, "reset" or "hang"."""

    seq: int
    method: str
    path: str
    status: int | str
    ms: float


class RequestLog:
    """A ring of requests with running numbers from 1, and counts by route."""

    def __init__(self) -> None:
        self._ring: deque[Entry] = deque(maxlen=KEPT)
        self._counts: Counter[str] = Counter()
        self.last = 0

    def add(self, method: str, path: str, template: str, status: int | str, ms: float) -> None:
        """Note a request that has been dealt with."""
        self.last += 1
        self._ring.append(Entry(self.last, method, path, status, round(ms, 2)))
        self._counts[f"{method} {template}"] += 1

    def since(self, seq: int) -> list[Entry]:
        """The requests after that number, oldest first."""
        if seq <= 0:
            return list(self._ring)
        newest = []
        for entry in reversed(self._ring):
            if entry.seq <= seq:
                break
            newest.append(entry)
        return newest[::-1]

    def counts(self) -> dict[str, int]:
        """How often each "METHOD route" was asked for."""
        return dict(self._counts)
