"""What the questions of a data set are compared by: their texts in a temporary file, and marks that tell most apart."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO
from zlib import crc32

from common import handover
from common.dataset import Row
from common.gates import Overlap, words
from common.spool import Spool

_KEPT = bytes(ord(chr(byte).lower()) for byte in range(128)) + bytes(128)
_LEFT_OUT = bytes(byte for byte in range(128) if not (chr(byte).isalnum() or chr(byte) == "_"))
_BETWEEN = _LEFT_OUT.replace(b"\n", b"")


class Keys:
    """Question and answer of each row, by number. Memory is 25 bytes a row."""

    def __init__(self, texts: BinaryIO | None = None) -> None:
        self._texts = Spool(texts)
        self._questions, self._answers = array("I"), array("I")

    def __len__(self) -> int:
        return len(self._texts)

    def put(self, first: int, rows: Sequence[Row | None]) -> None:
        """As a Spool's; of None nothing is compared."""
        self._texts.put(first, [b"" if row is None else f"{row.question}\n{row.answer}".encode() for row in rows])
        after = first + len(rows)
        self._questions[first:after] = array("I", _marks(["" if row is None else row.question for row in rows]))
        self._answers[first:after] = array("I", _marks(["" if row is None else row.answer for row in rows]))

    def tell(self, out: BinaryIO) -> None:
        """For who adopts them; the texts are in the file then."""
        self._texts.tell(out)
        handover.put_array(out, self._questions)
        handover.put_array(out, self._answers)

    def adopt(self, first: int, told: BinaryIO, texts: BinaryIO) -> None:
        """Those of other rows follow, whose texts are in a file."""
        self._texts.adopt(first, told, texts)
        self._questions[first:] = handover.get_array(told)
        self._answers[first:] = handover.get_array(told)

    def texts(self, numbers: Iterable[int]) -> Iterator[tuple[str, str]]:
        """(question, answer) of rows."""
        self._texts.flush()
        for piece in self._texts.many(numbers):
            question, _, answer = piece.decode().partition("\n")
            yield question, answer

    def alike(self, numbers: Iterable[int], asked: Overlap) -> Iterator[tuple[int, str, str]]:
        """(number, question, answer), as words, of the rows that may be among those that are asked."""
        questions, answers = set(map(mark, asked.questions)), set(map(mark, asked.answers))
        maybe = [one for one in numbers if self._questions[one] in questions or self._answers[one] in answers]
        for number, (question, answer) in zip(maybe, self.texts(maybe), strict=True):
            yield number, words(question), words(answer)


def _marks(texts: Sequence[str]) -> list[int]:
    """The `mark` of each. None has a line end in it."""
    together = "\n".join(texts)
    if together.isascii():
        return _plain_marks(together)
    marks = _plain_marks("\n".join([text if text.isascii() else "" for text in texts]))
    for number, text in enumerate(texts):
        if not text.isascii():
            marks[number] = mark(text)
    return marks


def _plain_marks(together: str) -> list[int]:
    return list(map(crc32, together.encode().translate(_KEPT, _BETWEEN).split(b"\n")))


def mark(text: str) -> int:
    """Equal for texts of equal words, in any process: a checksum of their letters without what is between the words."""
    if text.isascii():
        return crc32(text.encode().translate(_KEPT, _LEFT_OUT))
    return crc32(words(text).replace(" ", "").encode())
