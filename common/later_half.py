"""`python -m common.later_half`: the process that a second reader is. See common/second_reader.py."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import orjson

from common import handover
from common.collector import resting_collector
from common.json_pieces import Members
from common.json_reader import Reader
from common.prompts import Format
from common.subset import Subset
from common.takers import Questions, Training


def main(task: str, path: str) -> None:
    """Read what can be read in pieces, and tell how far it came."""
    wish = orjson.loads(task)
    with resting_collector(), Path(path).open("rb") as file:
        subsets = [_subset(*wanted) for wanted in wish["wanted"]]
        reader = Reader.within(file, wish["start"], wish["key"])
        while isinstance(found := reader.some(), Members):
            for subset in subsets:
                subset.add(found)
    with os.fdopen(wish["told"], "wb") as out:
        handover.put(out, reader.at)
        handover.put_texts(out, subsets[0].ids if subsets else ())
        for subset in subsets:
            subset.tell(out)


def _subset(key: str, form: Format | None, fds: Sequence[int]) -> Subset:
    files: list[BinaryIO] = [os.fdopen(fd, "wb", 1 << 17) for fd in fds]
    return Subset(key, "", "", Questions(files) if key == "test" else Training(form, files))


if __name__ == "__main__":
    main(*sys.argv[1:])
