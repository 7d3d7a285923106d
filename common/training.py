"""The training file of a job: what `prepare` makes, and what `plan` prices before anything is stored."""

from __future__ import annotations

import random
from collections.abc import Sequence

import orjson

from common.dataset import Row
from common.prompts import training_row
from common.spec import JobSpec


def training_file(rows: Sequence[Row], spec: JobSpec) -> bytes:
    """JSON Lines, in the order that the seed gives: by a generator of its own, so that nothing else counts.

    Deterministic: the same rows, format and seed give the same bytes, hence the same artifact and file.
    """
    order = list(rows)
    random.Random(spec.dataset.seed).shuffle(order)  # noqa: S311  # an order, no secret
    return b"".join(
        orjson.dumps(training_row(spec.finetune.format, row.question, row.answer, row.hints)) + b"\n" for row in order
    )
