"""What a spec's data set comes to, in one pass over its file: rows to train on, questions to ask, what was left out.

Memory grows by some 200 bytes a row (its id, and where its line stands); texts go through temporary files.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from common.dataset import Row, trainable
from common.errors import InvalidSpec
from common.gates import GATES, Finding, Overlap, first_leak, short, words
from common.spool import Spool
from common.subset import CODES, KEPT, ODD, Subset, read_subsets
from common.wording import Keys

if TYPE_CHECKING:
    from common.spec import DatasetSpec

Render = Callable[[Row], bytes]


class _Training:
    """Of each row to train on: its line of the training file, what it is compared by, and what the gates found."""

    def __init__(self, render: Render | None) -> None:
        self._render = render
        self.clear()

    def clear(self) -> None:
        self.lines, self.keys = Spool(), Keys()
        self.found = {gate: Finding() for gate in GATES}

    def take(self, first: int, found: Sequence[Row | None], instances: Iterable[Any]) -> bytearray:
        if first < len(self.keys):
            for finding in self.found.values():
                finding.forget(first)
        codes = bytearray(ODD if one is None else CODES[trainable(one)] for one in found)
        of_use = [one if code == KEPT else None for code, one in zip(codes, found, strict=True)]
        self.keys.put(first, of_use)
        if self._render is not None:
            self.lines.put(first, [b"" if one is None else self._render(one) for one in of_use])
        self._look(first, of_use)
        return codes

    def _look(self, first: int, of_use: Sequence[Row | None]) -> None:
        """What the gates find in one row alone."""
        for number, one in enumerate(of_use, first):
            if one is None:
                continue
            leak = first_leak(one.answer, words(one.answer), one.hints)
            if leak:
                self.found["answer_in_hint"].add(number, f"{one.id}: {one.answer!r} is in {short(leak)}")
            if one.mojibake:
                self.found["mojibake"].add(number, f"{one.id}: {short(one.mojibake)}")

    def compare(self, kept: list[int], asked: Overlap, names: list[str]) -> None:
        """Which of the rows are asked too."""
        for number, question, answer in self.keys.alike(kept, asked):
            same = asked.find(question, answer)
            if same:
                kind, other = same
                example = f"{names[number]}: {'nearly ' if kind == 'near' else ''}{short(other)}"
                self.found["overlap"].add(number, example, near=kind == "near")


class _Questions:
    """Of each question to ask: its instance, and what it is compared by."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.instances, self.keys = Spool(), Keys()

    def take(self, first: int, found: Sequence[Row | None], instances: Iterable[Any]) -> bytearray:
        codes = bytearray(ODD if one is None else CODES[_askable(one)] for one in found)
        of_use = [one if code == KEPT else None for code, one in zip(codes, found, strict=True)]
        self.keys.put(first, of_use)
        pieces = [b"" if one is None else orjson.dumps(whole) for one, whole in zip(of_use, instances, strict=True)]
        self.instances.put(first, pieces)
        return codes


def _askable(found: Row) -> str:
    if found.question and found.answer:
        return ""
    return "no_answer" if found.question else "no_question"


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
        return self._lines.total(self._train)

    def training_lines(self, seed: int) -> Iterator[bytes]:
        """In the order that the seed gives: by a generator of its own, so that nothing else counts."""
        order = list(self._train)
        random.Random(seed).shuffle(order)  # noqa: S311  # an order, no secret
        return self._lines.many(order)

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
    training, questions = _Training(render), _Questions()
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
    overlap = Overlap()
    for question, answer in questions.keys.texts(number for _, number in asked):
        overlap.add(question, answer)
    training.compare(kept, overlap, list(train.ids))
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
