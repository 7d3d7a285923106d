"""Limits on how many requests a second are taken: of the platform's routes, and of each model."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from time import monotonic


@dataclass
class Bucket:
    """A token bucket: `rps` tokens a second, at most `burst`."""

    rps: float
    burst: float
    tokens: float
    at: float

    def take(self, now: float) -> bool:
        """Whether there was a token."""
        self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rps)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def headers(self) -> dict[str, str]:
        """What Together sends: the limit, what is left of it, and in how many seconds to try again."""
        reset = 0.0 if self.tokens >= 1 else (1 - self.tokens) / self.rps
        return {
            "x-ratelimit-limit": f"{self.rps:g}",
            "x-ratelimit-remaining": str(math.floor(self.tokens)),
            "x-ratelimit-reset": f"{reset:.3f}",
        }


@dataclass(frozen=True)
class Rates:
    """What a test asks for; None is any number."""

    platform_rps: float | None = None
    model_rps: float | None = None
    burst: float = 1.0
    retry_after: bool = True


@dataclass
class Limiter:
    """The buckets in force."""

    rates: Rates = Rates()
    clock: Callable[[], float] = monotonic
    refused: int = 0
    _buckets: dict[str, Bucket] = field(default_factory=dict)

    def set(self, rates: Rates) -> None:
        """Other limits from here on, with full buckets."""
        self.rates = rates
        self.refused = 0
        self._buckets = {}

    def take(self, model: str | None) -> tuple[bool, dict[str, str]]:
        """(whether a request is taken, the headers of its answer); `model` is whom a chat request is for."""
        rps = self.rates.platform_rps if model is None else self.rates.model_rps
        if rps is None:
            return True, {}
        now, burst = self.clock(), max(1.0, self.rates.burst)
        bucket = self._buckets.setdefault(f"model {model}" if model else "", Bucket(rps, burst, burst, now))
        taken = bucket.take(now)
        headers = bucket.headers()
        if not taken:
            self.refused += 1
            if self.rates.retry_after:
                headers["Retry-After"] = str(math.ceil(float(headers["x-ratelimit-reset"])) or 1)
        return taken, headers

    def as_json(self) -> dict[str, object]:
        """The limits, and how many requests they refused."""
        return {**asdict(self.rates), "refused": self.refused}


def parse_rates(asked: dict[str, object]) -> Rates:
    """Raises ValueError for what is none."""
    known = {"platform_rps", "model_rps", "burst", "retry_after"}
    if unknown := set(asked) - known:
        raise ValueError(f"there is no limit {min(unknown)}; known are {', '.join(sorted(known))}")
    for name in ("platform_rps", "model_rps", "burst"):
        value = asked.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value <= 0):
            raise ValueError(f"{name} must be a number above 0")
    if not isinstance(asked.get("retry_after", True), bool):
        raise ValueError("retry_after must be true or false")
    return Rates(**asked)  # type: ignore[arg-type]  # checked above
