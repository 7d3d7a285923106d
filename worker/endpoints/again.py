"""When the platform is asked again for what it acknowledged and did not do."""

from __future__ import annotations

FIRST_MS, LONGEST_MS = 1_000, 30_000


class Again:
    """What was asked, how often and when last. It lives in the process: after a crash all is asked again at once."""

    def __init__(self) -> None:
        self._asked: dict[str, tuple[int, int]] = {}

    def times(self, name: str) -> int:
        return self._asked.get(name, (0, 0))[0]

    def due(self, name: str, now: int, *, at_least_ms: int = 0) -> bool:
        """Whether it is time: at once the first time, then after 1 s, 2 s, 4 s, up to 30 s. It counts as asked."""
        times, at = self._asked.get(name, (0, 0))
        if times and now - at < max(at_least_ms, min(FIRST_MS * 2 ** (times - 1), LONGEST_MS)):
            return False
        self._asked[name] = (min(times + 1, 30), now)
        return True

    def forget(self, name: str) -> None:
        self._asked.pop(name, None)
