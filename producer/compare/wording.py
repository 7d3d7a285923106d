"""How names and numbers are written for people: short, told apart, as many digits as say something."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from common.metrics import METRICS, About
from producer.compare.entries import Entry

MINUS = "\u2212"
MOST_NAME = 26  #: characters of a name in a figure
ID = 8  #: characters of a job's id that are shown


def about(metric: str) -> About | None:
    """None for the name of a stored record that this version does not know."""
    return next((found for name, found in METRICS.items() if name == metric), None)


def unit(metric: str) -> str:
    known = about(metric)
    return known.unit if known else "as HintEval gives it"


def better(metric: str) -> int:
    known = about(metric)
    return known.better if known else 1


def way(metric: str) -> str:
    return "more is better" if better(metric) == 1 else "less is better"


def number(value: float | None, like: float | None = None) -> str:
    """Three decimals of what is below 10, fewer of more; with as many as `like` would have."""
    if value is None:
        return "-"
    size = abs(value if like is None else like)
    digits = 0 if size >= 1000 else 1 if size >= 10 else 2 if size >= 2 else 3
    text = f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0: no minus before nothing
    return text.replace("-", MINUS)


def signed(value: float, like: float) -> str:
    text = number(value, like)
    return text if text.startswith(MINUS) else f"+{text}"


def span(score: Mapping[str, Any], like: float) -> str:
    """low to high; '' where there are too few questions for one."""
    return f"{number(score['low'], like)} to {number(score['high'], like)}" if "low" in score else ""


def value(found: Any) -> str:
    """A value of a spec's key: 1e-5 and not 1e-05."""
    return re.sub(r"e([+-])0+(\d)", r"e\1\2", f"{found:g}") if isinstance(found, float) else str(found)


def names(found: Sequence[Entry], most: int = MOST_NAME) -> list[str]:
    """A short name of each entry, no two alike: what all names begin with goes first, then their middle."""
    whole = [entry.name for entry in found]
    jobs = [name for name, entry in zip(whole, found, strict=True) if entry.job is not None]
    start = _shared(jobs) if len(jobs) > 1 and max(map(len, jobs)) > most else ""
    cut = [_base(entry.name) if entry.job is None else _without(entry.name, start) for entry in found]
    short = [_middle(name, most) for name in cut]
    seen = Counter(short)
    return [
        f"{_middle(name, most - ID - 1)} {entry.job.id[:ID]}" if entry.job and seen[name] > 1 else name
        for name, entry in zip(short, found, strict=True)
    ]


def _shared(texts: Sequence[str]) -> str:
    """What all begin with, up to the end of a word."""
    first, last = min(texts), max(texts)  # what these two share, all share
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    common = "".join(one for one, _ in alike)
    return common[: max(common.rfind(sign) for sign in "-_ /.") + 1]


def _without(name: str, start: str) -> str:
    return f"…{name[len(start) :]}" if start and len(name) > len(start) else name


def _base(name: str) -> str:
    """A base model's name without who made it."""
    return re.sub(r"^base: .*/", "base: ", name)


def _middle(text: str, most: int) -> str:
    left = most // 2
    return text if len(text) <= most else f"{text[:left]}…{text[-(most - left - 1) :]}"
