"""Before a run is paid: what it will cost, whether the platform allows it, and whether job and batch may spend that."""

from __future__ import annotations

import random

from common.errors import Busy, HintrelayError
from common.job import Job
from common.money import EndpointEstimate, Estimate, micros, spoken
from common.outcomes import Outcome, Reject, Snooze
from common.quotes import Quote
from common.states import JobState
from worker.expenses import no_room, own_endpoint, spent_already
from worker.ports import Desk, Ports, Request

FAR_S = 3600.0  #: whoever raises the budget, or spends less than expected, makes held jobs due
NOT_YET_S, PATIENCE_MS = 5.0, 30_000  #: a file that was just validated may not be priced at once
PLATFORM_S = 600.0  #: nobody tells when an account has been topped up


def afford(job: Job, request: Request, ports: Ports, desk: Desk) -> Outcome | None:
    """None: the money for the run, and for an endpoint of the job's own, is set aside. Nothing is paid here."""
    quote = _quote(job, ports)
    if not quote.allowed:
        spread = random.uniform(0.8, 1.2)  # noqa: S311  # spreads looks over time
        return Snooze(PLATFORM_S * spread, f"{quote.refusal}; looked at again every 10 minutes", {"held": "platform"})
    if quote.not_yet and job.now - job.since < PATIENCE_MS:
        return Snooze(NOT_YET_S, "the platform cannot tell the price yet: it validates the training file")
    run, endpoint = quote.estimate or _local(job, ports), own_endpoint(job, ports)
    most, spent = job.spec.limits.max_cost_usd, spent_already(job)
    whole = run.cost + (endpoint.cost if endpoint else 0)
    if most is not None and spent + whole > micros(most):
        return Reject(_too_dear(run, endpoint, spent, micros(most)), code="max_cost", resume=JobState.UPLOADED)
    full = desk.reserve(run, endpoint.cost if endpoint else None)
    if full is None:
        return None
    aside = sum(int(job.facts.get(name) or 0) for name in ("reserved", "reserved_endpoint"))
    return Snooze(FAR_S, no_room(job, full, whole - aside))


def _quote(job: Job, ports: Ports) -> Quote:
    """The platform's own estimate; where it tells none, this machine's will do: a doubt about the price is no fault."""
    try:
        return ports.platform.quote(job.spec.finetune, job.facts["file_id"])
    except Busy:
        raise  # it is waited for, like any request that the account may not yet send
    except HintrelayError as exc:
        return Quote(reason=exc.message)


def _local(job: Job, ports: Ports) -> Estimate:
    training = job.pointer("training")
    rows = int((job.facts.get("counts") or {}).get("train_rows") or 1)
    return ports.prices.estimate(job.spec.finetune, training.size if training else 0, rows)


def _too_dear(run: Estimate, endpoint: EndpointEstimate | None, spent: int, most: int) -> str:
    already = f", after {spoken(spent)} that were spent already" if spent else ""
    served = f", and {endpoint.minutes} minutes of its endpoint {spoken(endpoint.cost)}" if endpoint else ""
    return (
        f"the run is expected to cost {spoken(run.cost)}{served}{already}; limits.max_cost_usd allows {spoken(most)} "
        "(nothing was paid for it)"
    )
