"""evaluate: HintEval's metrics of the generated hints, against the base model's where wanted, as HintEval JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
from worker.written import Instances, dataset, gathered

log = structlog.get_logger(__name__)

AWAITED_S = 3600.0  #: the tick wakes the job when the endpoint is there
FAR_S = 3600.0  #: whoever raises the budget wakes the job
BUSY_S = 5.0  #: between two looks at whether another job has made what this one needs


def evaluate(job: Job, ports: Ports, desk: Desk) -> Outcome:
    """Scores stand at each hint, under HintEval's names; their means, with n and interval, on the record.

    Hints pass by chunk by chunk, from file to file: memory holds the numbers.
    """
    with ports.artifacts.scratch() as folder:
        try:
            return _evaluate(job, ports, desk, folder)
        except Busy:
            return Snooze(BUSY_S, "another job asks the base model, or scores its hints, for both")
        except Held as exc:
            return Snooze(FAR_S, str(exc))
        except Awaited as exc:
            return Snooze(AWAITED_S, str(exc))
        except Resting as exc:
            return Snooze(full_jitter(1, after_s=exc.after_s), f"the model paused: {exc.message}")


def _evaluate(job: Job, ports: Ports, desk: Desk, folder: Path) -> Outcome:
    pointer = job.pointer("hints")
    assert pointer is not None, "a generated job has hints"
    base, lacking = _baseline(job, ports, desk, folder)
    hints = Instances(ports.artifacts.local(pointer, ".json", folder))
    scores = folder / "scores.json"
    with scores.open("wb") as file, gathered(file, job.spec.dataset.test) as take:
        scored = score(hints, job.spec.evaluate, ports, desk, desk, candidates_shelf(job, desk), take)
    found: dict[str, Any] = {
        "scores": _summaries(job, scored),
        "comparison": compare(job, scored, base) if base else None,
        "baseline": base.name if base else None,
        "unavailable": {**scored.unavailable, **lacking} or None,
    }
    head = _head(job, {**found, "losses": _losses(job, ports)})
    subsets = {job.spec.dataset.test: Instances(scores)}
    if base is not None:
        subsets[f"{job.spec.dataset.test}-baseline"] = base.hints
    results = folder / "results.json"
    with results.open("wb") as file:
        file.writelines(dataset(head, subsets))
    facts = {name: value for name, value in found.items() if value is not None or name in job.facts}
    return Advance(JobState.SUCCEEDED, {**facts, "results": ports.artifacts.put_file(results).dump()})


def _baseline(job: Job, ports: Ports, desk: Desk, folder: Path) -> tuple[Baseline | None, dict[str, str]]:
    """The base model's part, where it is wanted; or why it cannot be had. What the tuned one did is kept either way."""
    spec = job.spec
    if not spec.evaluate.baseline:
        return None, {}
    name = answers_as(spec)
    try:
        return baseline(job, ports, desk, name, folder), {}
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
        metric: summary(scored.values[metric], job.spec.dataset.seed)
        if metric in scored.values
        else {"mean": None, "n": 0, "unavailable": scored.unavailable[metric]}
        for metric in dict.fromkeys(job.spec.evaluate.metrics)
    }


def _head(job: Job, found: dict[str, Any]) -> dict[str, Any]:
    """A data set without its subsets; what made it stands in its metadata."""
    facts = {name: job.facts.get(name) for name in ("file_id", "run_id", "output_name", "deployment", "counts")}
    about = {"job": job.id, "name": job.name, "spec": job.spec_json, "made_by": versions(), **found, **facts}
    return {
        "name": job.name,
        "version": "1",
        "description": f"Hints that {job.deployment} generated, by hintrelay job {job.id}.",
        "url": "",
        "metadata": {"hintrelay": about},
    }
