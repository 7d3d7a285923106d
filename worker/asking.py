"""Hints asked of a model, answer by answer, and the data set that they make."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import orjson

from common.dataset import Row, clean
from common.gates import leaks
from common.paging import pages
from worker.ports import Answer, HintModel
from worker.window import Window

if TYPE_CHECKING:
    from common.spec import GenerateSpec

AT_ONCE = 200  #: questions whose answers are read in one round trip

Instance = dict[str, Any]  #: HintEval's, of its JSON


def ask(
    todo: Iterable[Row], name: str, wanted: GenerateSpec, model: HintModel, keep: Callable[[dict[str, str]], None]
) -> None:
    """`keep` gets question id -> piece as answers come. Raises Resting, Transient, Permanent."""

    def begin(row: Row) -> Future[Answer]:
        return model.begin(name, row.question, row.answer, wanted)

    def take(batch: list[tuple[Row, Answer]]) -> None:
        keep({row.id: json.dumps(_piece(answer, wanted)) for row, answer in batch})

    Window(wanted.batch_size, begin).slide(todo, take)


class Hinted:
    """HintEval JSON of one subset, in pieces: the questions as they were, with the model's hints on them.

    `answers` gives the stored answers of some questions, by id. The counts are right once all was gone through.
    """

    def __init__(
        self, asked: Iterable[tuple[str, Instance]], answers: Callable[[Sequence[str]], Mapping[str, str]], name: str
    ) -> None:
        self._asked = asked
        self._answers = answers
        self._name = name
        self.counts = {"hints_missing": 0, "hints_surplus": 0, "hints_with_answer": 0}

    def __iter__(self) -> Iterator[bytes]:
        yield b'{"name":' + orjson.dumps(self._name) + b',"metadata":{},"instances":{'
        comma = b""
        for some in map(dict, pages(self._asked, AT_ONCE)):
            answers = self._answers(list(some))
            made = {row_id: self._one(instance, json.loads(answers[row_id])) for row_id, instance in some.items()}
            yield comma + orjson.dumps(made)[1:-1]
            comma = b","
        yield b"}}"

    def _one(self, instance: Instance, piece: dict[str, Any]) -> Instance:
        self.counts["hints_missing"] += max(0, piece["asked"] - piece["received"])
        self.counts["hints_surplus"] += max(0, piece["received"] - piece["asked"])
        hints = [_hint(text, instance) for text in piece["hints"]]
        self.counts["hints_with_answer"] += sum("hintrelay" in hint["metadata"] for hint in hints)
        told = {key: piece[key] for key in ("asked", "received")}
        return {**instance, "hints": hints, "metadata": {**(instance.get("metadata") or {}), "hintrelay": told}}


def _piece(answer: Answer, wanted: GenerateSpec) -> dict[str, Any]:
    """As many hints as were asked for; how many came stays known."""
    asked = wanted.num_of_hints
    return {"hints": list(answer.hints[:asked]), "asked": asked, "received": len(answer.hints)}


def _hint(text: str, instance: Mapping[str, Any]) -> dict[str, Any]:
    """One that gives the answer away is marked."""
    told = any(leaks(clean(answer["answer"]), text) for answer in instance["answers"][:1])
    metadata = {"hintrelay": {"contains_answer": True}} if told else {}
    return {"hint": text, "source": None, "entities": [], "metrics": {}, "metadata": metadata}
