"""The base model on the same questions: its hints and their scores, made once for all jobs that share them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from common.dataset import rows
from common.errors import Permanent
from common.job import Job
from common.metrics import METRICS, Metric
from worker.asking import Hinted, ask
from worker.expenses import paying
from worker.ports import Desk, Ports
from worker.scoring import Scored, score
from worker.shared import Awaited, SharedShelf, Turn, fingerprint, once
from worker.statistics import paired, summary
from worker.written import Questions, item_of, values_of, write

if TYPE_CHECKING:
    from common.spec import JobSpec


def answers_as(spec: JobSpec) -> str:
    """The name under which the base model answers: the one that was given, else its own, as a serverless model's."""
    return spec.evaluate.baseline_name or spec.finetune.model


@dataclass(frozen=True, slots=True)
class Baseline:
    """The base model's hints as a subset with their scores, and metric -> for each question the values of its hints."""

    name: str
    subset: dict[str, Any]
    values: dict[str, list[list[float | None]]]


def baseline(job: Job, ports: Ports, desk: Desk, name: str) -> Baseline:
    """Of the model that answers as `name`. Raises Busy while another job is at it, Awaited while its endpoint is not
    there, and as asking and scoring do."""
    spec = job.spec
    pointer = job.pointer("questions")
    assert pointer is not None, "a prepared job has questions"
    asked = spec.generate.model_dump(mode="json", exclude={"batch_size"})
    hints = fingerprint("hints", name, asked, spec.dataset.test, pointer.sha256)
    data = once(f"baseline:{hints}", ports.artifacts, desk, lambda turn: _hints(job, ports, desk, turn, name))
    desk.leave(name)
    wanted = spec.evaluate.model_dump(mode="json", include={"metrics", "sentence_model"})
    judge = spec.evaluate.judge.model if spec.evaluate.judge else None
    scores = fingerprint("scores", hints, wanted, judge)
    document = orjson.loads(
        once(f"baseline:{scores}", ports.artifacts, desk, lambda turn: _scores(job, ports, desk, turn, data))
    )
    return Baseline(name, document["subset"], document["values"])


def compare(job: Job, scored: Scored, base: Baseline) -> dict[Metric, dict[str, Any]]:
    """Metric -> tuned less base, by question, for what was scored of both; and `score`, the base model's own."""
    seed = job.spec.dataset.seed
    return {
        metric: {
            **paired(values_of(rows), base.values[metric], METRICS[metric].better, seed),
            "score": summary(base.values[metric], seed),
        }
        for metric, rows in scored.scores.items()
        if metric in base.values
    }


def deployable(spec: JobSpec) -> bool:
    """Whether an endpoint may be started for the base model, where it answers nowhere by itself."""
    return spec.deploy.mode == "auto" and spec.evaluate.baseline_name is None


def _address(job: Job, ports: Ports, desk: Desk, name: str) -> str:
    """Where it is asked: by its name, or at an endpoint that all jobs share which compare with it."""
    if not deployable(job.spec) or _serverless(name, ports):
        return name
    try:
        standing = desk.endpoint(name, paying(job, ports, desk, name, base=True), base=True)
    except Permanent as exc:  # its price costs the comparison, not the job
        raise Permanent(exc.message, code="deployment_unknown") from exc
    if isinstance(standing.fault, Permanent):  # so it is here
        raise Permanent(standing.fault.message, code="deployment_unknown")
    if standing.fault is not None:
        raise standing.fault
    if not standing.address:
        raise Awaited(f"the base model: {standing.sentence}")
    return standing.address


def _serverless(name: str, ports: Ports) -> bool:
    try:
        ports.catalog.answers(name)
    except Permanent as exc:
        if exc.code != "deployment_unknown":
            raise
        return False
    return True


def _hints(job: Job, ports: Ports, desk: Desk, turn: Turn, name: str) -> bytes:
    spec = job.spec
    questions = Questions(job, ports)
    known = turn.shelf.kept()
    asked = list(rows(questions, spec.dataset.source))
    todo = [row for row in asked if row.id not in known]
    done = len(asked) - len(todo)

    def keep(pieces: dict[str, str]) -> None:
        nonlocal done
        turn.shelf.keep(pieces)
        done += len(pieces)
        turn.progress(done, len(asked))
        turn.check()

    if todo:
        ask(todo, _address(job, ports, desk, name), spec.generate, ports.hint_model, keep)
    kept = turn.shelf.kept()
    return b"".join(Hinted(questions, lambda _: kept, spec.dataset.test))


def _scores(job: Job, ports: Ports, desk: Desk, turn: Turn, data: bytes) -> bytes:
    subset = orjson.loads(data)
    items = [item_of(instance) for instance in subset["instances"].values()]
    scored = score(items, job.spec.evaluate, ports, turn, turn.shelf, candidates_shelf(job, desk))
    write(subset, scored)
    values = {metric: values_of(rows) for metric, rows in scored.scores.items()}
    return orjson.dumps({"subset": subset, "values": values})


def candidates_shelf(job: Job, desk: Desk) -> SharedShelf:
    """Candidate answers of these questions, by this judge: for every job that asks for them."""
    judge, pointer = job.spec.evaluate.judge, job.pointer("questions")
    of = pointer.sha256 if pointer else job.id
    return SharedShelf(desk, f"candidates:{fingerprint(judge.model if judge else '', of)}")
