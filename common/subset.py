"""A subset of a HintEval JSON file as its instances pass by, one after the other."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO

from common import handover
from common.dataset import Row, row
from common.errors import InvalidSpec
from common.row_ids import RowIds
from common.takers import KEPT, NO_OBJECT, ODD, REASONS, Taker

MOST_NAMES = 20  #: subsets that a sentence lists


class Subset:
    """`key` is train or test, as in the spec. An id that comes again replaces what it stood for, in its place."""

    def __init__(self, key: str, name: str, source: str, taker: Taker) -> None:
        self.key = key
        self.name = name
        self._source = source
        self.taker = taker
        self.ids = RowIds()
        self._codes = bytearray()
        self._there = False  # as an object
        self._whole = False  # its instances are an object of objects

    def begin(self, *, there: bool, whole: bool = False) -> None:
        """It begins, maybe again: of equal keys the last one counts."""
        self._there, self._whole = there, whole
        self.ids.clear()
        self._codes.clear()
        self.taker.clear()

    def add(self, found: Mapping[str, Any]) -> None:
        first = len(self.ids)
        if self.ids.know_none_of(found):
            self.ids.extend(found)
            self._take(first, found)
        else:
            for row_id, instance in found.items():
                self._take(self.ids.number(row_id), {row_id: instance})

    def tell(self, out: BinaryIO) -> None:
        """All that was added but the ids, and but for what is in the taker's files."""
        handover.put_array(out, array("B", self._codes))
        self.taker.tell(out)

    def adopt(self, ids: Sequence[str], told: BinaryIO, files: Sequence[BinaryIO]) -> None:
        """What was added to another one follows; none of its ids is known here."""
        first = len(self.ids)
        self.ids.extend(ids)
        self._codes += handover.get_array(told).tobytes()
        self.taker.adopt(first, told, files)

    def _take(self, first: int, found: Mapping[str, Any]) -> None:
        rows = [self._row(row_id, instance) for row_id, instance in found.items()]
        codes = self.taker.take(first, rows, found.values())
        if None in rows:
            for number, instance in enumerate(found.values()):
                codes[number] = codes[number] if isinstance(instance, dict) else NO_OBJECT
        self._codes[first : first + len(rows)] = codes

    def _row(self, row_id: str, instance: Any) -> Row | None:
        try:
            return row(row_id, instance, self._source)
        except InvalidSpec:
            return None

    def check(self, names: Iterable[str]) -> None:
        """Raises InvalidSpec when it is none of the file's subsets, odd, empty, or has an odd row."""
        if not self._there:
            have = ", ".join(sorted(names)[:MOST_NAMES]) or "none"
            raise InvalidSpec(f"dataset.{self.key}: {self._source} has no subset {self.name!r}; it has: {have}")
        where = f"dataset.{self.key}: subset {self.name!r} of {self._source}"
        if not self._whole or NO_OBJECT in self._codes:
            raise InvalidSpec(f"{where} is not HintEval JSON: `instances` is no object")
        if not self.ids:
            raise InvalidSpec(f"{where} is empty")
        odd = self._codes.find(ODD)
        if odd >= 0:
            row(list(self.ids)[odd], {}, self._source)

    def kept(self) -> array[int]:
        """The numbers of the rows that are of use, in the file's order."""
        return array("Q", (number for number, code in enumerate(self._codes) if code == KEPT))

    def left_out(self, prefix: str) -> dict[str, int]:
        """How many rows are of no use, by reason."""
        counts = {prefix + reason: self._codes.count(code) for code, reason in enumerate(REASONS) if code != KEPT}
        return {reason: count for reason, count in counts.items() if count}
