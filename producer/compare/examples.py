"""Questions of a job's results with the hints of both models side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Example:
    """A question, its answer, and (hint, score in words) of both models."""

    question: str
    answer: str
    base: list[tuple[str, str]]
    tuned: list[tuple[str, str]]


def examples(document: Mapping[str, Any], metric: str | None) -> list[Example]:
    """At most ten questions, spread evenly over the data set: nobody picked them."""
    subsets = document["subsets"]
    tuned = next(one for name, one in subsets.items() if not name.endswith("-baseline"))["instances"]
    base: Mapping[str, Any] = next(
        (one for name, one in subsets.items() if name.endswith("-baseline")), {"instances": {}}
    )["instances"]
    ids = list(tuned)
    step = max(1.0, len(ids) / EXAMPLES)
    picked = [ids[int(place * step)] for place in range(min(EXAMPLES, len(ids)))]
    return [
        Example(
            tuned[one]["question"]["question"],
            tuned[one]["answers"][0]["answer"],
            _hints(base.get(one), metric),
            _hints(tuned[one], metric),
        )
        for one in picked
    ]


def _hints(instance: Mapping[str, Any] | None, metric: str | None) -> list[tuple[str, str]]:
    return [(hint["hint"], _score(hint, metric)) for hint in (instance or {}).get("hints") or []]


def _score(hint: Mapping[str, Any], metric: str | None) -> str:
    """The hint's value under the metric: HintEval's name of it holds the last part of ours."""
    if metric is None:
        return ""
    unscored = ((hint.get("metadata") or {}).get("hintrelay") or {}).get("unscored") or {}
    if metric in unscored:
        return f"{metric}: unscored"
    wanted = metric.replace("_", "-").split(".")
    for name, found in (hint.get("metrics") or {}).items():
        if all(part in name.replace("_", "-") for part in wanted):
            return f"{metric}: {found['value']:g}"
    return ""
