"""prepare: the data set into a training file and the questions to ask, both in the artifact store."""

from __future__ import annotations

import tempfile
from pathlib import Path

import orjson

from common.dataset import is_name
from common.errors import InvalidSpec
from common.job import Job
from common.outcomes import Advance, Outcome, Reject
from common.selection import Selection, select
from common.spec import JobSpec
from common.states import JobState
from common.training import line_of, write_training
from worker.ports import Desk, Ports
from worker.readiness import blocked, unavailable


def prepare(job: Job, ports: Ports, desk: Desk) -> Outcome:
    """Deterministic for a spec: the same data, format and seed give the same bytes, hence the same artifact.

    Rows pass by one after the other: memory does not grow with the data set, but for its ids.
    """
    spec = job.spec
    with tempfile.TemporaryDirectory(prefix="hintrelay-") as made:
        folder = Path(made)
        try:
            chosen = select(_data(job, spec, ports, folder), spec.dataset, line_of(spec), desk.check)
        except InvalidSpec as exc:
            return Reject(exc.message, code=exc.code)
        lacking = unavailable(spec, ports)
        if rejected := blocked(spec, lacking):
            return rejected
        write_training(chosen, spec, folder / "training.jsonl")
        _write_questions(chosen, spec, folder / "questions.json")
        training = ports.artifacts.put_file(folder / "training.jsonl")
        questions = ports.artifacts.put_file(folder / "questions.json")
    return Advance(
        JobState.PREPARED,
        {
            "training": training.dump(),
            "questions": questions.dump(),
            "counts": chosen.counts,
            **({"unavailable": lacking} if lacking else {}),
        },
    )


def _data(job: Job, spec: JobSpec, ports: Ports, folder: Path) -> Path:
    """From where `submit` put it; else from HintEval by name, or from this machine's disk or a URL."""
    pointer = job.pointer("data")
    if pointer:
        return ports.artifacts.local(pointer, ".json")
    if is_name(spec.dataset.source):
        return ports.datasets.download(spec.dataset.source, folder)
    return ports.datasets.fetch(spec.dataset.source, folder)


def _write_questions(chosen: Selection, spec: JobSpec, path: Path) -> None:
    """HintEval JSON of one subset."""
    with path.open("wb") as file:
        file.write(b'{"name":' + orjson.dumps(spec.dataset.test) + b',"metadata":{},"instances":{')
        for number, (row_id, instance) in enumerate(chosen.questions()):
            file.write((b"," if number else b"") + orjson.dumps(row_id) + b":" + instance)
        file.write(b"}}")
