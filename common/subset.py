"""The subsets of a HintEval JSON file as their instances pass by, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

from common.collector import resting_collector
from common.dataset import Row, refuse_pickle, row
from common.errors import InvalidSpec
from common.json_pieces import Members
from common.json_stream import OPENED, BadJson, Trail, members

CHECK_EVERY = 2000  #: instances between two calls of `check`
MOST_NAMES = 20  #: subsets that a sentence lists

KEPT = 0  #: the code of a row that is of use; the others index REASONS
REASONS = ("", "no_question", "no_answer", "no_hints", "template_tokens", "odd", "no_object")
CODES = {reason: code for code, reason in enumerate(REASONS)}
ODD, NO_OBJECT = CODES["odd"], CODES["no_object"]


class Taker(Protocol):
    """Who keeps what is needed of the rows. Numbers begin at 0 and have no gaps; one may come again."""

    def clear(self) -> None:
        """Forget all rows."""

    def take(self, first: int, found: Sequence[Row | None], instances: Iterable[Any]) -> bytearray:
        """Rows that follow those that were taken, or one of these again, `first` being the number of the first one.
        Of each whether it is of use, as a code. None is an odd one."""


class Subset:
    """`key` is train or test, as in the spec. An id that comes again replaces what it stood for, in its place."""

    def __init__(self, key: str, name: str, source: str, taker: Taker) -> None:
        self._key = key
        self.name = name
        self._source = source
        self._taker = taker
        self.ids: dict[str, int] = {}
        self._codes = bytearray()
        self._there = False  # as an object
        self._whole = False  # its instances are an object of objects

    def begin(self, *, there: bool, whole: bool = False) -> None:
        """It begins, maybe again: of equal keys the last one counts."""
        self._there, self._whole = there, whole
        self.ids.clear()
        self._codes.clear()
        self._taker.clear()

    def add(self, found: Mapping[str, Any]) -> None:
        first = len(self.ids)
        if self.ids.keys().isdisjoint(found):
            self.ids.update(zip(found, range(first, first + len(found)), strict=True))
            self._take(first, found)
        else:
            for row_id, instance in found.items():
                self._take(self.ids.setdefault(row_id, len(self.ids)), {row_id: instance})

    def _take(self, first: int, found: Mapping[str, Any]) -> None:
        rows = [self._row(row_id, instance) for row_id, instance in found.items()]
        codes = self._taker.take(first, rows, found.values())
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
            raise InvalidSpec(f"dataset.{self._key}: {self._source} has no subset {self.name!r}; it has: {have}")
        where = f"dataset.{self._key}: subset {self.name!r} of {self._source}"
        if not self._whole or NO_OBJECT in self._codes:
            raise InvalidSpec(f"{where} is not HintEval JSON: `instances` is no object")
        if not self.ids:
            raise InvalidSpec(f"{where} is empty")
        odd = self._codes.find(ODD)
        if odd >= 0:
            row(list(self.ids)[odd], {}, self._source)

    def kept(self) -> list[int]:
        """The numbers of the rows that are of use, in the file's order."""
        return [number for number, code in enumerate(self._codes) if code == KEPT]

    def left_out(self, prefix: str) -> dict[str, int]:
        """How many rows are of no use, by reason."""
        counts = {prefix + reason: self._codes.count(code) for code, reason in enumerate(REASONS) if code != KEPT}
        return {reason: count for reason, count in counts.items() if count}


def read_subsets(path: Path, source: str, wanted: Sequence[Subset], check: Callable[[], None]) -> set[str]:
    """The names of all subsets; the instances of those that are wanted go to them, in one pass.

    Raises InvalidSpec when the file is no HintEval JSON, OSError when it cannot be read; whatever `check`, called now
    and then, raises.
    """
    with path.open("rb") as file:
        refuse_pickle(source, file.read(2))
    found = _Pass(wanted)
    try:
        with resting_collector():
            for count, (trail, value) in enumerate(members(path, _opens, _many)):
                if isinstance(value, Members) or count % CHECK_EVERY == 0:
                    check()
                found.see(trail, value)
    except BadJson as exc:
        if exc.not_utf8:
            raise InvalidSpec(f"dataset.source: {source} is not UTF-8 (byte {exc.at})") from exc
        raise InvalidSpec(f"dataset.source: {source} is not JSON: {exc.words}") from exc
    if found.names is None:
        raise InvalidSpec(
            f"dataset.source: {source} is not HintEval JSON: it lacks the object `subsets` "
            "(Dataset.store_json makes one)"
        )
    return found.names


def _opens(trail: Trail) -> bool:
    return not trail or (trail[0] == "subsets" and (len(trail) < 3 or (len(trail) == 3 and trail[2] == "instances")))


def _many(trail: Trail) -> bool:
    return len(trail) == 3


class _Pass:
    """What was seen so far. Keys may come again: the last one counts."""

    def __init__(self, wanted: Sequence[Subset]) -> None:
        self._named: dict[str, list[Subset]] = {}
        for subset in wanted:
            self._named.setdefault(subset.name, []).append(subset)
        self.names: set[str] | None = None  #: of the subsets, once they have begun

    def see(self, trail: Trail, value: Any) -> None:
        opened = value is OPENED
        match trail:
            case (_, name, _, row_id):
                self._add(name, {row_id: value})
            case (_, name, _) if isinstance(value, Members):
                self._add(name, value)
            case (_, name, "instances"):
                for subset in self._of(name):
                    subset.begin(there=True, whole=opened)
            case ("subsets", name):
                self._begin(name, opened)
            case ("subsets",):
                self.names = set() if opened else None
                for subset in chain.from_iterable(self._named.values()):
                    subset.begin(there=False)

    def _add(self, name: str, found: Mapping[str, Any]) -> None:
        for subset in self._of(name):
            subset.add(found)

    def _begin(self, name: str, opened: bool) -> None:
        assert self.names is not None, "the object of the subsets was opened"
        self.names.add(name)
        for subset in self._of(name):
            subset.begin(there=opened)

    def _of(self, name: str) -> Sequence[Subset]:
        return self._named.get(name, ())
