"""Hints asked of a model, answer by answer, and the data set that they make."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import orjson

from common.dataset import Row, clean
from common.gates import leaks
from common.spec import GenerateSpec
from worker.ports import Answer, HintModel
from worker.window import Window


def ask(
    todo: Sequence[Row], name: str, wanted: GenerateSpec, model: HintModel, keep: Callable[[dict[str, str]], None]
) -> None:
    """`keep` gets question id -> piece as answers come. Raises Resting, Transient, Permanent."""

    def begin(row: Row) -> Future[Answer]:
        return model.begin(name, row.question, row.answer, wanted)

    def take(batch: list[tuple[Row, Answer]]) -> None:
        keep({row.id: json.dumps(_piece(answer, wanted)) for row, answer in batch})

    Window(wanted.batch_size, begin).slide(todo, take)


def with_hints(subset: Mapping[str, Any], pieces: Mapping[str, str], name: str) -> tuple[bytes, dict[str, int]]:
    """HintEval JSON of one subset: the questions as they were, with the model's hints on them; and counts."""
    instances = {}
    counts = {"hints_missing": 0, "hints_surplus": 0, "hints_with_answer": 0}
    for row_id, instance in subset["instances"].items():
        piece = json.loads(pieces[row_id])
        counts["hints_missing"] += max(0, piece["asked"] - piece["received"])
        counts["hints_surplus"] += max(0, piece["received"] - piece["asked"])
        hints = [_hint(text, instance) for text in piece["hints"]]
        counts["hints_with_answer"] += sum("hintrelay" in hint["metadata"] for hint in hints)
        told = {key: piece[key] for key in ("asked", "received")}
        instances[row_id] = {
            **instance,
            "hints": hints,
            "metadata": {**(instance.get("metadata") or {}), "hintrelay": told},
        }
    return orjson.dumps({"name": name, "metadata": {}, "instances": instances}), counts


def _piece(answer: Answer, wanted: GenerateSpec) -> dict[str, Any]:
    """As many hints as were asked for; how many came stays known."""
    asked = wanted.num_of_hints
    return {"hints": list(answer.hints[:asked]), "asked": asked, "received": len(answer.hints)}


def _hint(text: str, instance: Mapping[str, Any]) -> dict[str, Any]:
    """One that gives the answer away is marked."""
    told = any(leaks(clean(answer["answer"]), text) for answer in instance["answers"][:1])
    metadata = {"hintrelay": {"contains_answer": True}} if told else {}
    return {"hint": text, "source": None, "entities": [], "metrics": {}, "metadata": metadata}
