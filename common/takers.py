"""What is kept of a data set's rows as they pass by: lines of the training file, questions, what the gates found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, BinaryIO, Protocol

import orjson

from common import handover
from common.dataset import Row, trainable
from common.gates import GATES, Finding, Kind, Overlap, first_leak, short, words
from common.lines import line_of
from common.prompts import Format
from common.spool import Spool
from common.wording import Keys

KEPT = 0  #: the code of a row that is of use; the others index REASONS
REASONS = ("", "no_question", "no_answer", "no_hints", "template_tokens", "odd", "no_object")
CODES = {reason: code for code, reason in enumerate(REASONS)}
ODD, NO_OBJECT = CODES["odd"], CODES["no_object"]
FILES = 2  #: of a taker: what is made of the rows, and what they are compared by


class Taker(Protocol):
    """Who keeps what is needed of the rows. Numbers begin at 0 and have no gaps; one may come again.

    It is made with FILES files to write to, or makes its own.
    """

    form: Format | None  #: of the lines that it makes

    def clear(self) -> None:
        """Forget all rows."""

    def take(self, first: int, found: Sequence[Row | None], instances: Iterable[Any]) -> bytearray:
        """Rows that follow those that were taken, or one of these again, `first` being the number of the first one.
        Of each whether it is of use, as a code. None is an odd one."""

    def tell(self, out: BinaryIO) -> None:
        """All that was taken, but for what is in the files that it was made with."""

    def adopt(self, first: int, told: BinaryIO, files: Sequence[BinaryIO]) -> None:
        """Rows that another taker has taken follow: what it told, and its files."""


class Training:
    """Of each row to train on: its line of the training file, what it is compared by, and what the gates found.

    `form` is that of a line; without it none is made.
    """

    def __init__(self, form: Format | None, files: Sequence[BinaryIO] = ()) -> None:
        self.form = form
        self._render = line_of(form) if form else None
        self._start(*files)

    def _start(self, lines: BinaryIO | None = None, texts: BinaryIO | None = None) -> None:
        self.lines, self.keys = Spool(lines), Keys(texts)
        self.found = {gate: Finding() for gate in GATES}

    def clear(self) -> None:
        self._start()

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
        leaks, garbled = self.found["answer_in_hint"], self.found["mojibake"]
        for number, one in enumerate(of_use, first):
            if one is None:
                continue
            leak = first_leak(one.answer, words(one.answer), one.hints)
            if leak:
                leaks.add(number, "" if leaks.told else f"{one.id}: {one.answer!r} is in {short(leak)}")
            if one.mojibake:
                garbled.add(number, "" if garbled.told else f"{one.id}: {short(one.mojibake)}")

    def compare(self, kept: Iterable[int], asked: Overlap, names: Iterable[str]) -> None:
        """Which of the rows are asked too."""
        found = self.found["overlap"]
        for number, question, answer in self.keys.alike(kept, asked):
            same = asked.find(question, answer)
            if same:
                kind, other = same
                found.add(number, "" if found.told else _example(names, number, kind, other), near=kind == "near")

    def tell(self, out: BinaryIO) -> None:
        self.lines.tell(out)
        self.keys.tell(out)
        handover.put(out, {gate: finding.hits() for gate, finding in self.found.items()})

    def adopt(self, first: int, told: BinaryIO, files: Sequence[BinaryIO]) -> None:
        lines, texts = files
        self.lines.adopt(first, told, lines)
        self.keys.adopt(first, told, texts)
        for gate, hits in handover.get(told).items():
            for number, example in hits:
                self.found[gate].add(first + number, example)


class Questions:
    """Of each question to ask: its instance, and what it is compared by."""

    form: Format | None = None

    def __init__(self, files: Sequence[BinaryIO] = ()) -> None:
        self._start(*files)

    def _start(self, instances: BinaryIO | None = None, texts: BinaryIO | None = None) -> None:
        self.instances, self.keys = Spool(instances), Keys(texts)

    def clear(self) -> None:
        self._start()

    def take(self, first: int, found: Sequence[Row | None], instances: Iterable[Any]) -> bytearray:
        codes = bytearray(ODD if one is None else CODES[_askable(one)] for one in found)
        of_use = [one if code == KEPT else None for code, one in zip(codes, found, strict=True)]
        self.keys.put(first, of_use)
        pieces = [b"" if one is None else orjson.dumps(whole) for one, whole in zip(of_use, instances, strict=True)]
        self.instances.put(first, pieces)
        return codes

    def tell(self, out: BinaryIO) -> None:
        self.instances.tell(out)
        self.keys.tell(out)

    def adopt(self, first: int, told: BinaryIO, files: Sequence[BinaryIO]) -> None:
        instances, texts = files
        self.instances.adopt(first, told, instances)
        self.keys.adopt(first, told, texts)


def _example(names: Iterable[str], number: int, kind: Kind, other: str) -> str:
    return f"{next(islice(names, number, None))}: {'nearly ' if kind == 'near' else ''}{short(other)}"


def _askable(found: Row) -> str:
    if found.question and found.answer:
        return ""
    return "no_answer" if found.question else "no_question"
