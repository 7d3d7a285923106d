"""Metrics that cannot be taken, told before anything is paid. A hints worker looks again when it prepares the job."""

from __future__ import annotations

from collections.abc import Iterable

from common.metrics import METRICS, is_judged
from common.printable import printable
from common.spec import EvaluateSpec, JobSpec
from producer.cli.output import say

DOES = {
    "report": "a job of a worker like this one goes on without it",
    "block": "a worker like this one ends the job before anything is paid",
}


def lacking(wanted: EvaluateSpec) -> dict[str, str]:
    """Metric -> why a hints worker on this machine could not take it; empty where none can run here."""
    from common.metric_models import missing
    from producer.cli.crew import has_hints

    needy = [metric for metric in wanted.metrics if METRICS[metric].needs]
    if not needy or not has_hints():
        return {}
    return {metric: why for metric in needy if (why := missing(metric, wanted.sentence_model))}


def lacking_of_each(specs: Iterable[JobSpec]) -> list[dict[str, str]]:
    """The same of each job; what is equal is looked for once."""
    known: dict[tuple[object, ...], dict[str, str]] = {}
    found = []
    for spec in specs:
        key = _key(spec.evaluate)
        if key not in known:
            known[key] = lacking(spec.evaluate)
        found.append(known[key])
    return found


def tell_lacking(specs: Iterable[JobSpec]) -> None:
    """A line for each metric that this machine lacks something for, and what is asked of models later."""
    told: set[str] = set()
    for wanted in {_key(spec.evaluate): spec.evaluate for spec in specs}.values():
        lines = [
            f"{metric} is unavailable on this machine: {printable(why)}; {DOES[wanted.unavailable]} "
            f"(evaluate.unavailable: {wanted.unavailable})"
            for metric, why in lacking(wanted).items()
        ]
        for line in [*lines, *_asked_later(wanted)]:
            if line not in told:
                told.add(line)
                say(line)


def _asked_later(wanted: EvaluateSpec) -> list[str]:
    """Neither plan nor submit sends a request that costs money: a worker asks the judge, and before any run is paid."""
    if wanted.judge is None or not any(map(is_judged, wanted.metrics)):
        return []
    return [f"whether the judge {printable(wanted.judge.model)} answers is tried before anything is paid"]


def _key(wanted: EvaluateSpec) -> tuple[object, ...]:
    return (*wanted.metrics, wanted.sentence_model, wanted.unavailable, wanted.judge.model if wanted.judge else None)
