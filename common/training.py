"""The training file of a job: what `prepare` makes, and what `plan` prices before anything is stored."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from common.job import Pointer
from common.selection import Selection

if TYPE_CHECKING:
    from common.spec import JobSpec


def write_training(chosen: Selection, spec: JobSpec, path: Path) -> None:
    """Deterministic: the same rows, format and seed give the same bytes, hence the same artifact and file."""
    chosen.write_training(spec.dataset.seed, path)


def measured(chosen: Selection, spec: JobSpec) -> Pointer:
    """The hash and size of the training file, without the file."""
    digest = hashlib.sha256()
    for line in chosen.training_lines(spec.dataset.seed):
        digest.update(line)
    return Pointer(digest.hexdigest(), chosen.training_bytes)
