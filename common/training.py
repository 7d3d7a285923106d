"""The training file of a job: what `prepare` makes, and what `plan` prices before anything is stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from common.dataset import Row
from common.job import Pointer
from common.prompts import training_row
from common.selection import Selection

if TYPE_CHECKING:
    from common.spec import JobSpec


def line_of(spec: JobSpec) -> Callable[[Row], bytes]:
    """What makes a row's line of the training file: JSON Lines."""
    shape = spec.finetune.format

    def line(row: Row) -> bytes:
        made = training_row(shape, row.question, row.answer, row.hints)
        return orjson.dumps(made, option=orjson.OPT_APPEND_NEWLINE)

    return line


def write_training(chosen: Selection, spec: JobSpec, path: Path) -> None:
    """Deterministic: the same rows, format and seed give the same bytes, hence the same artifact and file."""
    with path.open("wb") as file:
        file.writelines(chosen.training_lines(spec.dataset.seed))


def measured(chosen: Selection, spec: JobSpec) -> Pointer:
    """The hash and size of the training file, without the file."""
    digest = hashlib.sha256()
    for line in chosen.training_lines(spec.dataset.seed):
        digest.update(line)
    return Pointer(digest.hexdigest(), chosen.training_bytes)
