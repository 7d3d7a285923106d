"""What a spec's data set comes to, in one pass over its file: rows to train on, questions to ask, what was left out.

Memory grows by some 200 bytes a row (its id, and where its line stands); texts go through temporary files.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from common import second_writer
from common.errors import InvalidSpec
from common.gates import GATES, Finding, Overlap
from common.prompts import Format
from common.spool import Spool
from common.subset import Subset
from common.subsets import read_subsets
from common.takers import Questions, Training

if TYPE_CHECKING:
    from common.spec import DatasetSpec


@dataclass(slots=True)
class Selection:
    """Rows to train on, instances to ask for, what was left out and what the gates found, counted."""

    counts: dict[str, int]
    findings: dict[str, Finding]
    _lines: Spool
    _train: array[int]
    _instances: Spool
    _test: list[tuple[str, int]]

    @property
    def training_bytes(self) -> int:
        """Of the training file, where its lines were made."""
        return self._lines.total(self._train)

    def training_lines(self, seed: int) -> Iterator[bytes]:
        """In the order that the seed gives."""
        return self._lines.many(self._order(seed))

    def write_training(self, seed: int, path: Path) -> None:
        """The same lines as a file."""
        second_writer.write(self._lines, self._order(seed), path)

    def _order(self, seed: int) -> array[int]:
        """Drawn by a generator of its own, so that nothing else counts."""
        order = self._train[:]
        random.Random(seed).shuffle(order)  # noqa: S311  # an order, no secret
        return order

    def questions(self) -> Iterator[tuple[str, bytes]]:
        """(id, the instance as JSON) in the file's order."""
        return ((row_id, self._instances.get(number)) for row_id, number in self._test)


def select(
    path: Path,
    wanted: DatasetSpec,
    form: Format | None = None,
    check: Callable[[], None] = lambda: None,
) -> Selection:
    """Raises InvalidSpec when the file is no HintEval JSON, nothing is left to train on or to ask, or a gate blocks;
    OSError when it cannot be read. `form` is that of a line of the training file; without it none is made.
    `check` is called now and then."""
    training, questions = Training(form), Questions()
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
    training.compare(kept, overlap, train.ids)
    kept, counts = _gated(kept, training.found, wanted)
    training.lines.flush()
    questions.instances.flush()
    counts = {"train_rows": len(kept), "test_questions": len(asked), **train.left_out("dropped_"), **counts}
    return Selection(counts, training.found, training.lines, kept, questions.instances, asked)


def _gated(kept: array[int], found: dict[str, Finding], wanted: DatasetSpec) -> tuple[array[int], dict[str, int]]:
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
            left = array("Q", (number for number in kept if number not in finding))
            counts[f"dropped_{gate}"] = len(kept) - len(left)
            kept = left
    if not kept:
        raise InvalidSpec(f"dataset.gates: drop every row of subset {wanted.train!r} of {wanted.source}", code="gate")
    return kept, counts
