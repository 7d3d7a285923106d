"""HintEval JSON of one subset as the last stages read and write it: questions, items, scores at hints."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from common.json_stream import members
from common.metrics import METRICS, Metric
from worker.evaluation import Item, Score

Instance = dict[str, Any]  #: HintEval's, of its JSON
DEPTH = 4  #: of an instance in a data set's file: in it, `subsets`, the subset, `instances`


class Instances:
    """(id, instance) of a subset, read from its file as often as they are gone through: never all at once.

    `within` are the keys from the top of the file to the subset.
    """

    def __init__(self, path: Path, *within: str) -> None:
        self._path = path
        self._trail = (*within, "instances")

    def __iter__(self) -> Iterator[tuple[str, Instance]]:
        opened = {self._trail[:depth] for depth in range(len(self._trail) + 1)}
        for trail, value in members(self._path, opened.__contains__):
            if trail[:-1] == self._trail:
                yield trail[-1], value


def item_of(instance: Instance) -> Item:
    """The texts as they stand in the data set: scores equal those of HintEval on the same file."""
    hints = tuple(hint["hint"] for hint in instance["hints"])
    return Item(instance["question"]["question"], instance["answers"][0]["answer"], hints)


def write(instance: Instance, found: Mapping[Metric, Sequence[Score]]) -> None:
    """At each hint its scores, as HintEval writes them; the reason, where there is none."""
    for metric, scores in found.items():
        for hint, one in zip(instance["hints"], scores, strict=True):
            if one.value is None:
                hint["metadata"].setdefault("hintrelay", {}).setdefault("unscored", {})[metric] = one.reason
            else:
                entry = {"name": METRICS[metric].family.replace("_", "-"), "value": one.value}
                hint["metrics"][one.name] = {**entry, "metadata": dict(one.metadata)}


@contextmanager
def gathered(file: BinaryIO, name: str) -> Iterator[Callable[[Mapping[str, Instance]], None]]:
    """HintEval JSON of one subset, written as instances by id are given to what this yields."""
    comma = b""

    def take(some: Mapping[str, Instance]) -> None:
        nonlocal comma
        if some:
            file.write(comma + orjson.dumps(some)[1:-1])
            comma = b","

    file.write(b'{"name":' + orjson.dumps(name) + b',"metadata":{},"instances":{')
    yield take
    file.write(b"}}")


def dataset(head: Mapping[str, Any], subsets: Mapping[str, Instances]) -> Iterator[bytes]:
    """A whole HintEval data set in pieces, as `Dataset.load_json` reads it. `head` are its members before the subsets.

    What `json.dumps` with an indent of 1 gives, in ASCII: `load_json` reads with the locale's encoding.
    """
    yield json.dumps(head, indent=1).encode("ascii")[:-2] + b',\n "subsets": {'
    for number, (name, instances) in enumerate(subsets.items()):
        yield (b"," if number else b"") + f'\n  {json.dumps(name)}: {{\n   "name": {json.dumps(name)},'.encode("ascii")
        yield b'\n   "metadata": {},\n   "instances": {'
        yield from _indented(instances)
        yield b"\n  }"
    yield b"\n }\n}"


def _indented(instances: Instances) -> Iterator[bytes]:
    """The members of `instances`, and its closing bracket."""
    comma, line = "", "\n" + " " * DEPTH
    for row_id, instance in instances:
        text = json.dumps(instance, indent=1).replace("\n", line)  # a string has no line break
        yield f"{comma}{line}{json.dumps(row_id)}: {text}".encode("ascii")
        comma = ","
    yield b"\n   }" if comma else b"}"
