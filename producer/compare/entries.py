"""What is compared: a job, or the base model that jobs were compared with, and its scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.bills import bill
from common.job import Job
from common.metrics import METRICS
from common.money import usd

Score = Mapping[str, Any]  #: mean, n, low, high, unscored, unavailable


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. `job` is None for a base model; `axes` are the values of the spec's keys in which the jobs differ."""

    name: str
    state: str
    model: str
    scores: Mapping[str, Score]
    job: Job | None = None
    comparison: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    axes: Mapping[str, Any] = field(default_factory=dict)
    cost: float | None = None  #: USD, as the platform charged for the run
    minutes: float | None = None  #: from acceptance to the end

    @property
    def label(self) -> str:
        """Tells it from the others where people look: the name, and the id's beginning."""
        return f"{self.name} ({self.job.id})" if self.job else self.name

    def mean(self, metric: str) -> float | None:
        value = self.scores.get(metric, {}).get("mean")
        return None if value is None else float(value)


def entries(jobs: Sequence[Job]) -> list[Entry]:
    """A row for each job, and one for each base model and set of hints that they were compared with."""
    axes = differing([job.spec_json or {} for job in jobs])
    found = [_of_job(job, {key: _at(job.spec_json or {}, key) for key in axes}) for job in jobs]
    return found + _bases(jobs)


def metrics_of(found: Iterable[Entry], wanted: Sequence[str] = ()) -> list[str]:
    """All metrics that any has, in the order of the specs; of `wanted`, those."""
    have = dict.fromkeys(name for entry in found for name in entry.scores)
    return [name for name in wanted if name in have] if wanted else list(have)


def lacking(found: Iterable[Entry], metrics: Sequence[str]) -> list[str]:
    """A sentence for each metric that could not be taken, and for a base model that could not be asked."""
    told: dict[str, None] = {}
    for entry in found:
        for metric in metrics:
            if why := (entry.scores.get(metric) or {}).get("unavailable"):
                told[f"unavailable: {metric}: {why}"] = None
        unavailable = (entry.job.facts.get("unavailable") or {}) if entry.job else {}
        if why := unavailable.get("baseline"):
            told[f"the base model could not be asked: {why}"] = None
    return list(told)


def ranked(found: Sequence[Entry], metric: str | None) -> list[Entry]:
    """The best under the metric first, in its own direction; those without a score last, as they came."""
    if metric is None:
        return list(found)
    better = METRICS[metric].better if metric in METRICS else 1

    def place(entry: Entry) -> tuple[bool, float]:
        mean = entry.mean(metric)
        return (mean is None, -better * mean if mean is not None else 0.0)

    return sorted(found, key=place)


def differing(specs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Dotted keys whose values are not the same in all specs; names aside."""
    flat = [dict(_flat(spec)) for spec in specs]
    keys = dict.fromkeys(key for one in flat for key in one)
    return [key for key in keys if key != "name" and len({repr(one.get(key)) for one in flat}) > 1]


def _of_job(job: Job, axes: Mapping[str, Any]) -> Entry:
    ended = job.finished and job.since
    return Entry(
        name=job.name,
        state=str(job.state),
        model=str(_at(job.spec_json or {}, "finetune.model")),
        scores=job.facts.get("scores") or {},
        job=job,
        comparison=job.facts.get("comparison") or {},
        axes=axes,
        cost=_cost(job),
        minutes=(job.since - job.created) / 60_000 if ended else None,
    )


def _cost(job: Job) -> float | None:
    """Dollars: the run, whoever paid for it, and the job's endpoints. None where nothing is known to have been paid."""
    whole = bill(job)
    run = int(job.facts.get("price") or whole.training)
    return usd(run + whole.endpoints) if run or whole.endpoints else None


def _bases(jobs: Sequence[Job]) -> list[Entry]:
    """Jobs that share a base model's hints have the same numbers of it: they are one row."""
    found: dict[str, Entry] = {}
    for job in jobs:
        compared = job.facts.get("comparison") or {}
        scores = {name: pair["score"] for name, pair in compared.items() if "score" in pair}
        if scores:
            name = str(job.facts.get("baseline") or "base")
            found.setdefault(repr((name, scores)), Entry(f"base: {name}", "-", name, scores))
    return list(found.values())


def _flat(value: Any, path: str = "") -> Iterable[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def _at(spec: Mapping[str, Any], key: str) -> Any:
    value: Any = spec
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
