"""HintEval JSON of one subset as the last stages read and write it: questions, items, scores at hints."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from common.job import Job
from common.json_stream import members
from common.metrics import METRICS
from worker.ports import Item, Ports, Score
from worker.scoring import Scored


class Questions:
    """The test questions, (id, instance), read from their file as often as they are gone through: never all at once."""

    def __init__(self, job: Job, ports: Ports) -> None:
        pointer = job.pointer("questions")
        assert pointer is not None, "a prepared job has questions"
        self._path = ports.artifacts.local(pointer, ".json")

    def __iter__(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for trail, value in members(self._path, lambda trail: trail in {(), ("instances",)}):
            if len(trail) == 2:
                yield trail[1], value


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
