"""How long to wait before another attempt."""

from __future__ import annotations

import random

BASE_S = 1.0  #: ceiling of the first wait
CAP_S = 300.0  #: no wait is longer, unless the platform asks for it


def full_jitter(attempt: int, *, after_s: float | None = None, rng: random.Random | None = None) -> float:
    """Seconds to wait after the failed `attempt` (1 is the first): uniform in [0, min(cap, base * 2**attempt)].

    `after_s` is what the platform asked for (Retry-After): never sooner than that, and spread by up to a tenth of it.
    Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    draw = (rng or random).random()
    if after_s is not None:
        return after_s * (1 + draw / 10)
    return draw * min(CAP_S, BASE_S * 2.0 ** min(attempt, 16))
