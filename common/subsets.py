"""One pass over a HintEval JSON file, for the subsets that are wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

from common.collector import resting_collector
from common.dataset import refuse_pickle
from common.errors import InvalidSpec
from common.json_pieces import Cutter, Members
from common.json_reader import BadJson, Part
from common.json_stream import OPENED, Trail, members
from common.second_reader import SecondReader, begin
from common.subset import Subset

CHECK_EVERY = 2000  #: instances between two calls of `check`


def read_subsets(path: Path, source: str, wanted: Sequence[Subset], check: Callable[[], None]) -> set[str]:
    """The names of all subsets; the instances of those that are wanted go to them, in one pass.

    Raises InvalidSpec when the file is no HintEval JSON, OSError when it cannot be read; whatever `check`, called now
    and then, raises.
    """
    with path.open("rb") as file:
        refuse_pickle(source, file.read(2))
    found = _Pass(wanted)

    def second(trail: Trail, at: int, cut: Cutter) -> Part | None:
        return begin(path, at, cut, found.of(trail[1]), check) if _many(trail) else None

    try:
        with resting_collector(), closing(members(path, _opens, _many, second)) as passing:
            for count, (trail, value) in enumerate(passing):
                if isinstance(value, Members) or count % CHECK_EVERY == 0:
                    check()
                if isinstance(value, SecondReader):
                    value.hand_over()
                else:
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
                for subset in self.of(name):
                    subset.begin(there=True, whole=opened)
            case ("subsets", name):
                self._begin(name, opened)
            case ("subsets",):
                self.names = set() if opened else None
                for subset in chain.from_iterable(self._named.values()):
                    subset.begin(there=False)

    def _add(self, name: str, found: Mapping[str, Any]) -> None:
        for subset in self.of(name):
            subset.add(found)

    def _begin(self, name: str, opened: bool) -> None:
        assert self.names is not None, "the object of the subsets was opened"
        self.names.add(name)
        for subset in self.of(name):
            subset.begin(there=opened)

    def of(self, name: str) -> Sequence[Subset]:
        """Those wanted that have this name."""
        return self._named.get(name, ())
