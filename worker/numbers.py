"""The values of many hints, question by question, in 9 bytes a hint."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence

from worker.evaluation import Score


class Numbers:
    """For each question the values of its hints, None where there is none."""

    def __init__(self, values: Iterable[Sequence[float | None]] = ()) -> None:
        self._values = array("d")
        self._there = bytearray()
        self._sizes = array("L")
        self.extend(values)

    def extend(self, values: Iterable[Sequence[float | None]]) -> None:
        for of_question in values:
            self._values.extend(0.0 if value is None else value for value in of_question)
            self._there.extend(value is not None for value in of_question)
            self._sizes.append(len(of_question))

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[list[float | None]]:
        at = 0
        for size in self._sizes:
            pairs = zip(self._values[at : at + size], self._there[at : at + size], strict=True)
            yield [value if there else None for value, there in pairs]
            at += size


def values_of(scores: Iterable[Score]) -> list[float | None]:
    return [one.value for one in scores]
