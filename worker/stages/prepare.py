"""prepare: the data set into a training file and the questions to ask, both in the artifact store."""

from __future__ import annotations

from typing import Any

import orjson

from common.dataset import is_name, parse, select
from common.errors import InvalidSpec
from common.job import Job
from common.outcomes import Advance, Outcome, Reject
from common.spec import JobSpec
from common.states import JobState
from common.training import training_file
from worker.ports import Desk, Ports
from worker.readiness import blocked, unavailable


def prepare(job: Job, ports: Ports, desk: Desk) -> Outcome:
    """Deterministic for a spec: the same data, format and seed give the same bytes, hence the same artifact."""
    spec = job.spec
    try:
        chosen = select(parse(_data(job, spec, ports), spec.dataset.source), spec.dataset)
    except InvalidSpec as exc:
        return Reject(exc.message, code=exc.code)
    lacking = unavailable(spec, ports)
    if rejected := blocked(spec, lacking):
        return rejected
    desk.check()
    training = ports.artifacts.put(training_file(chosen.train, spec))
    questions = ports.artifacts.put(_questions(chosen.test, spec))
    return Advance(
        JobState.PREPARED,
        {
            "training": training.dump(),
            "questions": questions.dump(),
            "counts": chosen.counts,
            **({"unavailable": lacking} if lacking else {}),
        },
    )


def _data(job: Job, spec: JobSpec, ports: Ports) -> bytes:
    """From where `submit` put it; else from HintEval by name, or from this machine's disk or a URL."""
    pointer = job.pointer("data")
    if pointer:
        return ports.artifacts.get(pointer)
    if is_name(spec.dataset.source):
        return ports.datasets.download(spec.dataset.source)
    return ports.datasets.read(spec.dataset.source)


def _questions(test: dict[str, Any], spec: JobSpec) -> bytes:
    return orjson.dumps({"name": spec.dataset.test, "metadata": {}, "instances": test})
