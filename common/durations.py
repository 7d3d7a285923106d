"""Durations as people write them: 90s, 30m, 24h, 7d, 1h30m."""

from __future__ import annotations

import re
from functools import lru_cache

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


@lru_cache(256)
def seconds(text: str) -> float:
    """Seconds of `text`. Raises ValueError with a sentence for anything else than numbers with s, m, h or d."""
    compact = text.strip().replace(" ", "")
    if not _WHOLE.fullmatch(compact):
        raise ValueError(f"a duration is a number with s, m, h or d, as in 90s, 24h or 1h30m, not {text!r}")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(compact))


def spoken(span_s: float) -> str:
    """`span_s` seconds in at most two units: '3 d 4 h', '5 min', '12 s'."""
    left = max(0, round(span_s))
    days, left = divmod(left, 86400)
    hours, left = divmod(left, 3600)
    minutes, secs = divmod(left, 60)
    parts = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (secs, "s")) if n]
    return " ".join(parts[:2]) or "0 s"
