"""The training file of a job: what `prepare` makes, and what `plan` prices before anything is stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from common.dataset import Row
from common.job import Pointer
from common.prompts import ask, dialogue, numbered
from common.selection import Selection

if TYPE_CHECKING:
    from common.spec import JobSpec


def line_of(spec: JobSpec) -> Callable[[Row], bytes]:
    """What makes a row's line of the training file: JSON Lines, each as `training_row` says.

    Lines differ in what the two say alone: the rest is made once.
    """
    frame = orjson.dumps(dialogue(spec.finetune.format, "<user>", "<assistant>"), option=orjson.OPT_APPEND_NEWLINE)
    before, _, rest = frame.partition(b"<user>")
    between, _, after = rest.partition(b"<assistant>")

    def line(row: Row) -> bytes:
        user = orjson.dumps(ask(row.question, row.answer, len(row.hints)))
        assistant = orjson.dumps(numbered(row.hints))
        return b"".join((before, user[1:-1], between, assistant[1:-1], after))

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
