"""HintEval JSON of one subset as the last stages read and write it: questions, items, scores at hints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from common.job import Job
from common.metrics import METRICS
from worker.ports import Item, Ports, Score
from worker.scoring import Scored


def questions(job: Job, ports: Ports) -> dict[str, Any]:
    """The test questions."""
    pointer = job.pointer("questions")
    assert pointer is not None, "a prepared job has questions"
    subset: dict[str, Any] = orjson.loads(ports.artifacts.get(pointer))
    return subset


def item_of(instance: dict[str, Any]) -> Item:
    """The texts as they stand in the data set: scores equal those of HintEval on the same file."""
    hints = tuple(hint["hint"] for hint in instance["hints"])
    return Item(instance["question"]["question"], instance["answers"][0]["answer"], hints)


def values_of(scores: Sequence[Sequence[Score]]) -> list[list[float | None]]:
    return [[one.value for one in of_question] for of_question in scores]


def write(subset: dict[str, Any], scored: Scored) -> None:
    """At each hint its scores, as HintEval writes them; the reason, where there is none."""
    for metric, rows in scored.scores.items():
        for instance, row in zip(subset["instances"].values(), rows, strict=True):
            for hint, one in zip(instance["hints"], row, strict=True):
                if one.value is None:
                    hint["metadata"].setdefault("hintrelay", {}).setdefault("unscored", {})[metric] = one.reason
                else:
                    entry = {"name": METRICS[metric].family.replace("_", "-"), "value": one.value}
                    hint["metrics"][one.name] = {**entry, "metadata": dict(one.metadata)}
