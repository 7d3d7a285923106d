"""evaluate: HintEval's metrics of the generated hints, against the base model's where wanted, as HintEval JSON."""

from __future__ import annotations

import json
from typing import Any

import orjson
import structlog

from common.backoff import full_jitter
from common.errors import HintrelayError, Permanent
from common.job import Job
from common.outcomes import Advance, Outcome, Snooze
from common.states import JobState
from common.versions import versions
from worker.baseline import Baseline, answers_as, baseline, candidates_shelf, compare
from worker.expenses import Held
from worker.ports import Desk, Ports
from worker.scoring import Scored, score
from worker.shared import Awaited, Busy
from worker.statistics import summary
from worker.window import Resting
from worker.written import item_of, values_of, write

log = structlog.get_logger(__name__)

AWAITED_S = 3600.0  #: the tick wakes the job when the endpoint is there
FAR_S = 3600.0  #: whoever raises the budget wakes the job
BUSY_S = 5.0  #: between two looks at whether another job has made what this one needs


def evaluate(job: Job, ports: Ports, desk: Desk) -> Outcome:
    """Scores stand at each hint, under HintEval's names; their means, with n and interval, on the record."""
    pointer = job.pointer("hints")
    assert pointer is not None, "a generated job has hints"
    try:
        base, lacking = _baseline(job, ports, desk)
        subset: dict[str, Any] = orjson.loads(ports.artifacts.get(pointer))
        items = [item_of(instance) for instance in subset["instances"].values()]
        scored = score(items, job.spec.evaluate, ports, desk, desk, candidates_shelf(job, desk))
    except Busy:
        return Snooze(BUSY_S, "another job asks the base model, or scores its hints, for both")
    except Held as exc:
        return Snooze(FAR_S, str(exc))
    except Awaited as exc:
        return Snooze(AWAITED_S, str(exc))
    except Resting as exc:
        return Snooze(full_jitter(1, after_s=exc.after_s), f"the model paused: {exc.message}")
    write(subset, scored)
    found: dict[str, Any] = {
        "scores": _summaries(job, scored),
        "comparison": compare(job, scored, base) if base else None,
        "baseline": base.name if base else None,
        "unavailable": {**scored.unavailable, **lacking} or None,
    }
    result = ports.artifacts.put(_dataset(job, subset, base, {**found, "losses": _losses(job, ports)}))
    facts = {name: value for name, value in found.items() if value is not None or name in job.facts}
    return Advance(JobState.SUCCEEDED, {**facts, "results": result.dump()})


def _baseline(job: Job, ports: Ports, desk: Desk) -> tuple[Baseline | None, dict[str, str]]:
    """The base model's part, where it is wanted; or why it cannot be had. What the tuned one did is kept either way."""
    spec = job.spec
    if not spec.evaluate.baseline:
        return None, {}
    name = answers_as(spec)
    try:
        return baseline(job, ports, desk, name), {}
    except Permanent as exc:
        if exc.code != "deployment_unknown":
            raise
        return None, {"baseline": exc.message}


def _losses(job: Job, ports: Ports) -> dict[str, Any] | None:
    """The run's curves, for reports: one request, now that results are written. Without an answer none."""
    try:
        return ports.platform.losses(job.run_id) if job.run_id else None
    except HintrelayError as exc:
        log.warning("losses_not_read", run_id=job.run_id, reason=exc.message)
        return None


def _summaries(job: Job, scored: Scored) -> dict[str, dict[str, Any]]:
    return {
        metric: summary(values_of(scored.scores[metric]), job.spec.dataset.seed)
        if metric in scored.scores
        else {"mean": None, "n": 0, "unavailable": scored.unavailable[metric]}
        for metric in dict.fromkeys(job.spec.evaluate.metrics)
    }


def _dataset(job: Job, subset: dict[str, Any], base: Baseline | None, found: dict[str, Any]) -> bytes:
    """A whole HintEval data set, as `Dataset.load_json` reads it; what made it stands in its metadata."""
    facts = {name: job.facts.get(name) for name in ("file_id", "run_id", "output_name", "deployment", "counts")}
    about = {"job": job.id, "name": job.name, "spec": job.spec_json, "made_by": versions(), **found, **facts}
    subsets = {subset["name"]: subset}
    if base is not None:
        name = f"{subset['name']}-baseline"
        subsets[name] = {**base.subset, "name": name}
    document = {
        "name": job.name,
        "version": "1",
        "description": f"Hints that {job.deployment} generated, by hintrelay job {job.id}.",
        "url": "",
        "metadata": {"hintrelay": about},
        "subsets": subsets,
    }
    return json.dumps(document, indent=1).encode("ascii")  # ASCII: load_json reads with the locale's encoding
