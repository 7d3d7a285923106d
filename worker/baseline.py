"""The base model on the same questions: its hints and their scores, made once for all jobs that share them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from common.dataset import rows
from common.errors import Permanent
from common.job import Job
from common.json_stream import members
from common.metrics import METRICS, Metric
from worker.asking import Hinted, ask
from worker.expenses import paying
from worker.numbers import Numbers
from worker.ports import Desk, Ports
from worker.scoring import Scored, score
from worker.shared import Awaited, SharedShelf, Turn, fingerprint, once
from worker.statistics import paired, summary
from worker.written import Instances, gathered

if TYPE_CHECKING:
    from common.spec import JobSpec


def answers_as(spec: JobSpec) -> str:
    """The name under which the base model answers: the one that was given, else its own, as a serverless model's."""
    return spec.evaluate.baseline_name or spec.finetune.model


@dataclass(frozen=True, slots=True)
class Baseline:
    """The base model's hints with their scores at them, and metric -> the values of all hints."""

    name: str
    hints: Instances
    values: dict[str, Numbers]


def baseline(job: Job, ports: Ports, desk: Desk, name: str, folder: Path) -> Baseline:
    """Of the model that answers as `name`; its files go into `folder`. Raises Busy while another job is at it, Awaited
    while its endpoint is not there, and as asking and scoring do."""
    spec = job.spec
    pointer = job.pointer("questions")
    assert pointer is not None, "a prepared job has questions"
    asked = spec.generate.model_dump(mode="json", exclude={"batch_size"})
    hints = fingerprint("hints", name, asked, spec.dataset.test, pointer.sha256)

    def ask_all(turn: Turn) -> Path:
        return _hints(job, ports, desk, turn, name, ports.artifacts.local(pointer, ".json", folder))

    def score_all(turn: Turn) -> Path:
        return _scores(job, ports, desk, turn, path)

    path = once(f"baseline:{hints}", ports.artifacts, desk, folder, ask_all)
    desk.leave(name)
    wanted = spec.evaluate.model_dump(mode="json", include={"metrics", "sentence_model"})
    judge = spec.evaluate.judge.model if spec.evaluate.judge else None
    scores = fingerprint("scores", hints, wanted, judge)
    scored = once(f"baseline:{scores}", ports.artifacts, desk, folder, score_all)
    return Baseline(name, Instances(scored, "subset"), _values(scored))


def _values(scored: Path) -> dict[str, Numbers]:
    passed = {(), ("subset",), ("subset", "instances"), ("values",)}  # what is not opened comes whole
    found = members(scored, passed.__contains__)
    return {trail[1]: Numbers(value) for trail, value in found if len(trail) == 2 and trail[0] == "values"}


def compare(job: Job, scored: Scored, base: Baseline) -> dict[Metric, dict[str, Any]]:
    """Metric -> tuned less base, by question, for what was scored of both; and `score`, the base model's own."""
    seed = job.spec.dataset.seed
    return {
        metric: {
            **paired(values, base.values[metric], METRICS[metric].better, seed),
            "score": summary(base.values[metric], seed),
        }
        for metric, values in scored.values.items()
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


def _hints(job: Job, ports: Ports, desk: Desk, turn: Turn, name: str, path: Path) -> Path:
    spec, questions = job.spec, Instances(path)
    known = turn.shelf.kept_ids()
    ids = [row_id for row_id, _ in questions]
    done, total = sum(row_id in known for row_id in ids), len(ids)

    def keep(pieces: dict[str, str]) -> None:
        nonlocal done
        turn.shelf.keep(pieces)
        done += len(pieces)
        turn.progress(done, total)
        turn.check()

    if done < total:
        todo = rows(((row_id, one) for row_id, one in questions if row_id not in known), spec.dataset.source)
        ask(todo, _address(job, ports, desk, name), spec.generate, ports.hint_model, keep)
    hinted = path.with_name("baseline-hints.json")
    with hinted.open("wb") as file:
        file.writelines(Hinted(questions, turn.shelf.kept_of, spec.dataset.test))
    return hinted


def _scores(job: Job, ports: Ports, desk: Desk, turn: Turn, path: Path) -> Path:
    """{"subset": with the scores at the hints, "values": metric -> those of each question}."""
    made, shared = path.with_name("baseline-scores.json"), candidates_shelf(job, desk)
    with made.open("wb") as file:
        file.write(b'{"subset":')
        with gathered(file, job.spec.dataset.test) as take:
            scored = score(Instances(path), job.spec.evaluate, ports, turn, turn.shelf, shared, take)
        file.write(b',"values":' + orjson.dumps({metric: list(values) for metric, values in scored.values.items()}))
        file.write(b"}")
    return made


def candidates_shelf(job: Job, desk: Desk) -> SharedShelf:
    """Candidate answers of these questions, by this judge: for every job that asks for them."""
    judge, pointer = job.spec.evaluate.judge, job.pointer("questions")
    of = pointer.sha256 if pointer else job.id
    return SharedShelf(desk, f"candidates:{fingerprint(judge.model if judge else '', of)}")
