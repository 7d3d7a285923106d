"""What a spec's data set comes to, in one pass over its file: rows to train on, questions to ask, what was left out.

Memory grows by some 200 bytes a row (its id, and where its line stands); texts go through temporary files.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from common.dataset import Row, trainable
from common.errors import InvalidSpec
from common.gates import GATES, Finding, Overlap, first_leak, short, words
from common.spec import DatasetSpec
from common.spool import Spool
from common.subset import Subset, read_subsets

Render = Callable[[Row], bytes]


class _Training:
    """Of each row to train on: its line of the training file, what it is compared by, and what the gates found."""

    def __init__(self, render: Render | None) -> None:
        self._render = render
        self.clear()

    def clear(self) -> None:
        self.lines, self.keys = Spool(), Spool()
        self._questions, self._answers = array("q"), array("q")  # hashes of the keys: most rows are told apart by them
        self.found = {gate: Finding() for gate in GATES}

    def take(self, number: int, found: Row, instance: dict[str, Any]) -> str:
        reason = trainable(found)
        if reason:
            self.skip(number)
            return reason
        self._forget(number)
        question, answer = words(found.question), words(found.answer)
        self._put(number, question, answer)
        if self._render is not None:
            self.lines.put(number, self._render(found))
        leak = first_leak(found.answer, answer, found.hints)
        if leak:
            self.found["answer_in_hint"].add(number, f"{found.id}: {found.answer!r} is in {short(leak)}")
        if found.mojibake:
            self.found["mojibake"].add(number, f"{found.id}: {short(found.mojibake)}")
        return ""

    def skip(self, number: int) -> None:
        self._forget(number)
        self._put(number)
        if self._render is not None:
            self.lines.put(number, b"")

    def _put(self, number: int, question: str = "", answer: str = "") -> None:
        self.keys.put(number, f"{question}\n{answer}".encode())
        for hashes, text in ((self._questions, question), (self._answers, answer)):
            if number == len(hashes):
                hashes.append(hash(text))
            else:
                hashes[number] = hash(text)

    def _forget(self, number: int) -> None:
        if number < len(self.keys):
            for finding in self.found.values():
                finding.forget(number)

    def compare(self, kept: list[int], asked: Overlap, names: list[str]) -> None:
        """Which of the rows are asked too."""
        self.keys.flush()
        questions, answers = set(map(hash, asked.questions)), set(map(hash, asked.answers))
        for number in kept:
            if self._questions[number] not in questions and self._answers[number] not in answers:
                continue
            question, _, answer = self.keys.get(number).decode().partition("\n")
            same = asked.find(question, answer)
            if same:
                kind, other = same
                example = f"{names[number]}: {'nearly ' if kind == 'near' else ''}{short(other)}"
                self.found["overlap"].add(number, example, near=kind == "near")


class _Questions:
    """Of each question to ask: its instance; and all of them, to compare with."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self.clear()

    def clear(self) -> None:
        self.instances = Spool()
        self.overlap = Overlap()
        self._asked = 0

    def take(self, number: int, found: Row, instance: dict[str, Any]) -> str:
        if not (found.question and found.answer):
            self.skip(number)
            return "no_answer" if found.question else "no_question"
        self.instances.put(number, orjson.dumps(instance))
        if self._limit is None or self._asked < self._limit:
            self.overlap.add(found.question, found.answer)
        self._asked += 1
        return ""

    def skip(self, number: int) -> None:
        self.instances.put(number, b"")


@dataclass(slots=True)
class Selection:
    """Rows to train on, instances to ask for, what was left out and what the gates found, counted."""

    counts: dict[str, int]
    findings: dict[str, Finding]
    _lines: Spool
    _train: list[int]
    _instances: Spool
    _test: list[tuple[str, int]]

    @property
    def training_bytes(self) -> int:
        """Of the training file, where its lines were made."""
        return sum(self._lines.size(number) for number in self._train)

    def training_lines(self, seed: int) -> Iterator[bytes]:
        """In the order that the seed gives: by a generator of its own, so that nothing else counts."""
        order = list(self._train)
        random.Random(seed).shuffle(order)  # noqa: S311  # an order, no secret
        return map(self._lines.get, order)

    def questions(self) -> Iterator[tuple[str, bytes]]:
        """(id, the instance as JSON) in the file's order."""
        return ((row_id, self._instances.get(number)) for row_id, number in self._test)


def select(
    path: Path,
    wanted: DatasetSpec,
    render: Render | None = None,
    check: Callable[[], None] = lambda: None,
) -> Selection:
    """Raises InvalidSpec when the file is no HintEval JSON, nothing is left to train on or to ask, or a gate blocks;
    OSError when it cannot be read. `render` makes a row's line of the training file; `check` is called now and then."""
    training, questions = _Training(render), _Questions(wanted.test_limit)
    train = Subset("train", wanted.train, wanted.source, training)
    test = Subset("test", wanted.test, wanted.source, questions)
    names = read_subsets(path, wanted.source, (train, test), check)
    train.check(names)
    kept = train.kept()
    source = wanted.source
    if not kept:
        raise InvalidSpec(f"dataset.train: no row of subset {wanted.train!r} of {source} has an answer and hints")
    test.check(names)
    ids = list(test.ids)
    asked = [(ids[number], number) for number in test.kept()[: wanted.test_limit]]
    if not asked:
        raise InvalidSpec(f"dataset.test: no row of subset {wanted.test!r} of {source} has a question and an answer")
    training.compare(kept, questions.overlap, list(train.ids))
    kept, counts = _gated(kept, training.found, wanted)
    training.lines.flush()
    questions.instances.flush()
    counts = {"train_rows": len(kept), "test_questions": len(asked), **train.left_out("dropped_"), **counts}
    return Selection(counts, training.found, training.lines, kept, questions.instances, asked)


def _gated(kept: list[int], found: dict[str, Finding], wanted: DatasetSpec) -> tuple[list[int], dict[str, int]]:
    """The rows that the gates leave, and what they found and dropped, counted."""
    counts: dict[str, int] = {}
    for gate, finding in found.items():
        if not finding.rows:
            continue
        does = getattr(wanted.gates, gate)
        if does == "block":
            raise InvalidSpec(
                f"dataset.gates.{gate}: blocks, for {finding.rows} rows of subset {wanted.train!r} of {wanted.source} "
                f"{GATES[gate]}, as {finding.examples[0]}",
                code="gate",
            )
        counts[f"found_{gate}"] = finding.rows
        if does == "drop":
            left = [number for number in kept if number not in finding]
            counts[f"dropped_{gate}"] = len(kept) - len(left)
            kept = left
    if not kept:
        raise InvalidSpec(f"dataset.gates: drop every row of subset {wanted.train!r} of {wanted.source}", code="gate")
    return kept, counts
