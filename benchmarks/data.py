"""Data sets for the benchmarks: shared/data/wikihint over and over, with ids and questions of their own."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).resolve().parents[1]
WIKIHINT = ROOT.parent / "shared" / "data" / "wikihint" / "wikihint-100.json"
SAMPLE = ROOT / "producer" / "sample" / "hints-60.json"


def rows(count: int) -> list[dict[str, Any]]:
    """HintEval instances: question, first answer, hints; what HintEval's JSON has beyond these is left empty."""
    source = WIKIHINT if WIKIHINT.is_file() else SAMPLE
    found = orjson.loads(source.read_bytes())["subsets"]
    known = [one for subset in found.values() for one in subset["instances"].values()]
    return [_numbered(one, number) for number, one in zip(range(count), itertools.cycle(known), strict=False)]


def _numbered(one: dict[str, Any], number: int) -> dict[str, Any]:
    question = {**one["question"], "question": f"{one['question']['question']} ({number})"}
    return {**one, "question": question}


def write(path: Path, train: int, test: int = 1) -> Path:
    """A HintEval JSON file with so many rows in its subsets train and test."""
    made = rows(train + test)
    subsets = {"train": made[:train], "test": made[train:]}
    body = {
        "name": "bench",
        "version": "1.0.0",
        "description": "",
        "url": "",
        "metadata": {},
        "subsets": {
            name: {"name": name, "metadata": {}, "instances": {f"{name}_{n}": one for n, one in enumerate(part)}}
            for name, part in subsets.items()
        },
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(body))
    return path
