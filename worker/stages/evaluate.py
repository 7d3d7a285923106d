"""evaluate: HintEval's metrics of the generated hints, and the results as HintEval JSON."""

from __future__ import annotations

import json
from typing import Any

import orjson

from common.job import Job
from common.outcomes import Advance, Outcome
from common.states import JobState
from worker.ports import Desk, Ports, Scored


def evaluate(job: Job, ports: Ports, desk: Desk) -> Outcome:
    """Scores stand at each hint, under HintEval's names; their means, with n, on the record."""
    pointer = job.pointer("hints")
    assert pointer is not None, "a generated job has hints"
    subset: dict[str, Any] = orjson.loads(ports.artifacts.get(pointer))
    items = [_item(instance) for instance in subset["instances"].values()]
    metrics = list(dict.fromkeys(job.spec.evaluate.metrics))
    scores: dict[str, dict[str, float | int | None]] = {}
    for done, metric in enumerate(metrics):
        desk.check()
        desk.progress(done, len(metrics))
        scored = ports.scorer.score(metric, items)
        _write(subset, scored)
        scores[metric] = _mean(scored)
    result = ports.artifacts.put(_dataset(job, subset, scores))
    return Advance(JobState.SUCCEEDED, {"scores": scores, "results": result.dump()})


def _item(instance: dict[str, Any]) -> tuple[str, str, list[str]]:
    """The texts as they stand in the data set: scores equal those of HintEval on the same file."""
    hints = [hint["hint"] for hint in instance["hints"]]
    return instance["question"]["question"], instance["answers"][0]["answer"], hints


def _write(subset: dict[str, Any], scored: Scored) -> None:
    for instance, values in zip(subset["instances"].values(), scored.values, strict=True):
        for hint, value in zip(instance["hints"], values, strict=True):
            hint["metrics"][scored.name] = {"name": scored.name, "value": value, "metadata": {}}


def _mean(scored: Scored) -> dict[str, float | int | None]:
    values = [value for of_question in scored.values for value in of_question]
    return {"mean": sum(values) / len(values) if values else None, "n": len(values)}


def _dataset(job: Job, subset: dict[str, Any], scores: dict[str, Any]) -> bytes:
    """A whole HintEval data set, as `Dataset.load_json` reads it; what made it stands in its metadata."""
    facts = {name: job.facts.get(name) for name in ("file_id", "run_id", "output_name", "deployment", "counts")}
    about = {"job": job.id, "name": job.name, "spec": job.spec_json, "scores": scores, **facts}
    document = {
        "name": job.name,
        "version": "1",
        "description": f"Hints that {job.deployment} generated, by hintrelay job {job.id}.",
        "url": "",
        "metadata": {"hintrelay": about},
        "subsets": {subset["name"]: subset},
    }
    return json.dumps(document, indent=1).encode("ascii")  # ASCII: load_json reads with the locale's encoding
