"""What the questions of a data set are compared by: their texts in a temporary file, and marks that tell most apart."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence

from common.dataset import Row
from common.gates import Overlap, words
from common.spool import Spool

_KEPT = bytes(ord(chr(byte).lower()) for byte in range(128)) + bytes(128)
_LEFT_OUT = bytes(byte for byte in range(128) if not (chr(byte).isalnum() or chr(byte) == "_"))
_BETWEEN = _LEFT_OUT.replace(b"\n", b"")


class Keys:
    """Question and answer of each row, by number. Memory is 32 bytes a row."""

    def __init__(self) -> None:
        self._texts = Spool()
        self._questions, self._answers = array("q"), array("q")

    def __len__(self) -> int:
        return len(self._texts)

    def put(self, first: int, rows: Sequence[Row | None]) -> None:
        """As a Spool's; of None nothing is compared."""
        self._texts.put(first, [b"" if row is None else f"{row.question}\n{row.answer}".encode() for row in rows])
        after = first + len(rows)
        self._questions[first:after] = array("q", _marks(["" if row is None else row.question for row in rows]))
        self._answers[first:after] = array("q", _marks(["" if row is None else row.answer for row in rows]))

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
        return list(map(hash, together.encode().translate(_KEPT, _BETWEEN).split(b"\n")))
    return list(map(mark, texts))


def mark(text: str) -> int:
    """Equal for texts of equal words: a hash of their letters without what is between the words."""
    if text.isascii():
        return hash(text.encode().translate(_KEPT, _LEFT_OUT))
    return hash(words(text).replace(" ", "").encode())
