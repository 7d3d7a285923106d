"""What of a spec cannot be measured here: found out while nothing is paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.errors import Permanent
from common.metrics import is_judged
from common.outcomes import Reject
from worker.baseline import answers_as, deployable
from worker.ports import Ports

if TYPE_CHECKING:
    from common.spec import JobSpec


def unavailable(spec: JobSpec, ports: Ports) -> dict[str, str]:
    """Metric, or `baseline` -> why it cannot be had. Raises Transient where a model may yet answer."""
    wanted = spec.evaluate
    lacking: dict[str, str] = {metric: ports.scorer.missing(metric, wanted.sentence_model) for metric in wanted.metrics}
    if wanted.judge is not None and any(map(is_judged, wanted.metrics)):
        try:
            ports.judge.check(wanted.judge.model)
        except Permanent as exc:
            lacking |= {metric: f"the judge: {exc.message}" for metric in wanted.metrics if is_judged(metric)}
    if wanted.baseline:
        try:
            ports.judge.check(answers_as(spec))
        except Permanent as exc:
            lacking["baseline"] = _undeployable(spec, ports) if deployable(spec) else exc.message
    return {metric: why for metric, why in lacking.items() if why}


def _undeployable(spec: JobSpec, ports: Ports) -> str:
    """Why no endpoint can serve the base model; empty where one can."""
    try:
        offers = ports.catalog.offers(spec.finetune.model, base=True)
    except Permanent as exc:
        return exc.message
    return "" if offers else f"the platform has no config that serves {spec.finetune.model}"


def blocked(spec: JobSpec, lacking: dict[str, str]) -> Reject | None:
    """The end of a job whose spec wants all of its metrics or nothing."""
    if not lacking or spec.evaluate.unavailable == "report":
        return None
    words = "; ".join(f"{name}: {why}" for name, why in lacking.items())
    return Reject(f"evaluate.unavailable is block, and nothing was paid: {words}", code="unavailable")
