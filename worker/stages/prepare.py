"""prepare: the data set into a training file and the questions to ask, both in the artifact store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import structlog

from common.errors import InvalidSpec
from common.job import Job
from common.outcomes import Advance, Outcome, Reject, Snooze
from common.selection import Selection, select
from common.states import JobState
from common.training import write_training
from worker.ports import Desk, Ports
from worker.preparation import Made, prepared_once
from worker.readiness import blocked, unavailable
from worker.shared import Busy, Turn

log = structlog.get_logger(__name__)

BUSY_S = 10.0  #: whoever prepares the data wakes those that wait; this is for when that got lost

if TYPE_CHECKING:
    from common.spec import JobSpec


def prepare(job: Job, ports: Ports, desk: Desk) -> Outcome:
    """Once for all jobs of equal data. Deterministic for a spec: the same data, format and seed give the same bytes,
    hence the same artifact.

    Rows pass by one after the other: memory does not grow with the data set, but for its ids.
    """
    spec = job.spec
    with ports.artifacts.scratch() as folder:
        try:
            made = prepared_once(job, ports, desk, folder, lambda data, turn: _make(data, job, ports, turn))
        except InvalidSpec as exc:
            return Reject(exc.message, code=exc.code)
        except Busy:
            return Snooze(BUSY_S, "another job prepares the same data")
    lacking = unavailable(spec, ports)
    if rejected := blocked(spec, lacking):
        return rejected
    return Advance(JobState.PREPARED, {**made, **({"unavailable": lacking} if lacking else {})})


def _make(data: Path, job: Job, ports: Ports, turn: Turn) -> Made:
    spec = job.spec
    chosen = select(data, spec.dataset, spec.finetune.format, turn.check)
    with ports.artifacts.scratch() as folder:
        write_training(chosen, spec, folder / "training.jsonl")
        turn.check()
        _write_questions(chosen, spec, folder / "questions.json")
        training = ports.artifacts.put_file(folder / "training.jsonl", done=True)
        questions = ports.artifacts.put_file(folder / "questions.json", done=True)
    log.info("data_prepared", rows=chosen.counts["train_rows"], questions=chosen.counts["test_questions"])
    return {"training": training.dump(), "questions": questions.dump(), "counts": chosen.counts}


def _write_questions(chosen: Selection, spec: JobSpec, path: Path) -> None:
    """HintEval JSON of one subset."""
    with path.open("wb") as file:
        file.write(b'{"name":' + orjson.dumps(spec.dataset.test) + b',"metadata":{},"instances":{')
        for number, (row_id, instance) in enumerate(chosen.questions()):
            file.write((b"," if number else b"") + orjson.dumps(row_id) + b":" + instance)
        file.write(b"}}")
