"""Questions of a job's results with the hints of both models side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from producer.compare.wording import number

EXAMPLES = 10


@dataclass(frozen=True, slots=True)
class Shown:
    """A hint, its score in words, and whether it gives the answer away."""

    text: str
    score: str
    leaks: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """A question, its answer, and the hints of both models; None where a model was not asked."""

    question: str
    answer: str
    base: list[Shown] | None
    tuned: list[Shown] | None


def examples(document: Mapping[str, Any], metric: str | None) -> list[Example]:
    """At most ten questions, spread evenly over the data set: nobody picked them."""
    subsets = document["subsets"]
    base_name = next((name for name in subsets if f"{name}".endswith("-baseline") and len(subsets) > 1), None)
    tuned = next(one for name, one in subsets.items() if name != base_name)["instances"]
    base: Mapping[str, Any] = subsets[base_name]["instances"] if base_name else {}
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


def _hints(instance: Mapping[str, Any] | None, metric: str | None) -> list[Shown] | None:
    if instance is None:
        return None
    return [_shown(hint, metric) for hint in instance.get("hints") or []]


def _shown(hint: Mapping[str, Any], metric: str | None) -> Shown:
    ours = (hint.get("metadata") or {}).get("hintrelay") or {}
    return Shown(hint["hint"], _score(hint, ours, metric), bool(ours.get("contains_answer")))


def _score(hint: Mapping[str, Any], ours: Mapping[str, Any], metric: str | None) -> str:
    """The hint's value under the metric."""
    if metric is None:
        return ""
    if metric in (ours.get("unscored") or {}):
        return f"{metric}: unscored"
    for name, found in (hint.get("metrics") or {}).items():
        if _is(name, metric):
            return f"{metric}: {number(found['value'])}"
    return ""


#: what HintEval's name of a metric holds, where that is not the last part of ours
_HINTEVAL = {
    "answer_leakage": "lexical",
    "familiarity.word_frequency": "freq-exclude",
    "familiarity.word_frequency_all_words": "freq-include",
}


def _is(name: str, metric: str) -> bool:
    """HintEval's name of a metric begins with the family and holds its method."""
    family, _, method = metric.partition(".")
    wanted = _HINTEVAL.get(metric, method or family)
    plain = name.replace("_", "-")
    return wanted.replace("_", "-") in plain and (not method or plain.startswith(family.replace("_", "-")))
