"""The ids of a subset's rows, in the file's order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class RowIds:
    """Their numbers are counted from 0; they take memory of their own only once an id has come again."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}
        self._numbers: dict[str, int] = {}  # of all, or of none

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def know_none_of(self, others: Iterable[str]) -> bool:
        return self._ids.keys().isdisjoint(others)

    def extend(self, others: Iterable[str]) -> None:
        """Ids that are not known follow."""
        if self._numbers:
            others = list(others)
            self._numbers.update(zip(others, range(len(self), len(self) + len(others)), strict=True))
        self._ids.update(dict.fromkeys(others))

    def number(self, row_id: str) -> int:
        """Of an id, which follows if it is not known."""
        if row_id not in self._ids:
            self.extend([row_id])
            return len(self) - 1
        if not self._numbers:
            self._numbers = {known: number for number, known in enumerate(self._ids)}
        return self._numbers[row_id]

    def clear(self) -> None:
        self._ids.clear()
        self._numbers.clear()
