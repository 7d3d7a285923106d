"""evaluate: HintEval's metrics of the generated hints, and the results as HintEval JSON."""

from __future__ import annotations

import json
from typing import Any

import orjson

from common.backoff import full_jitter
from common.job import Job
from common.metrics import METRICS
from common.outcomes import Advance, Outcome, Snooze
from common.states import JobState
from worker.ports import Desk, Item, Ports
from worker.scoring import Scored, Shelf, score
from worker.shared import SharedShelf, fingerprint
from worker.statistics import summary
from worker.window import Resting


def evaluate(job: Job, ports: Ports, desk: Desk) -> Outcome:
    """Scores stand at each hint, under HintEval's names; their means, with n and interval, on the record."""
    pointer = job.pointer("hints")
    assert pointer is not None, "a generated job has hints"
    subset: dict[str, Any] = orjson.loads(ports.artifacts.get(pointer))
    items = [item_of(instance) for instance in subset["instances"].values()]
    spec = job.spec
    try:
        scored = score(items, spec.evaluate, ports, desk, desk, _candidates_shelf(job, desk))
    except Resting as exc:
        return Snooze(full_jitter(1, after_s=exc.after_s), f"the judge paused: {exc.message}")
    write(subset, scored)
    scores: dict[str, dict[str, Any]] = {
        metric: summary([[one.value for one in row] for row in scored.scores[metric]], spec.dataset.seed)
        if metric in scored.scores
        else {"mean": None, "n": 0, "unavailable": scored.unavailable[metric]}
        for metric in dict.fromkeys(spec.evaluate.metrics)
    }
    result = ports.artifacts.put(_dataset(job, subset, scores))
    return Advance(JobState.SUCCEEDED, {"scores": scores, "results": result.dump()})


def item_of(instance: dict[str, Any]) -> Item:
    """The texts as they stand in the data set: scores equal those of HintEval on the same file."""
    hints = tuple(hint["hint"] for hint in instance["hints"])
    return Item(instance["question"]["question"], instance["answers"][0]["answer"], hints)


def write(subset: dict[str, Any], scored: Scored) -> None:
    """At each hint its scores, as HintEval writes them; the reason, where there is none."""
    for metric, rows in scored.scores.items():
        for instance, row in zip(subset["instances"].values(), rows, strict=True):
            for hint, one in zip(instance["hints"], row, strict=True):
                if one.value is None:
                    hint["metadata"].setdefault("hintrelay", {}).setdefault("unscored", {})[metric] = one.reason
                else:
                    entry = {"name": METRICS[metric].family.replace("_", "-"), "value": one.value}
                    hint["metrics"][one.name] = {**entry, "metadata": dict(one.metadata)}


def _candidates_shelf(job: Job, desk: Desk) -> Shelf:
    """Candidate answers of these questions, by this judge: for every job that asks for them."""
    judge, questions = job.spec.evaluate.judge, job.pointer("questions")
    of = questions.sha256 if questions else job.id
    return SharedShelf(desk, f"candidates:{fingerprint(judge.model if judge else '', of)}")


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
