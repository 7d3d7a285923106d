"""Before a run is paid: what it will cost, whether the platform allows it, and whether job and batch may spend that."""

from __future__ import annotations

import random

from common.budgets import Budget
from common.errors import Busy, HintrelayError
from common.job import Job
from common.money import micros, spoken
from common.outcomes import Outcome, Reject, Snooze
from common.prices import Estimate
from common.quotes import Quote
from common.states import JobState
from worker.ports import Desk, Ports, Request

FAR_S = 3600.0  #: whoever raises the budget, or spends less than expected, makes held jobs due
PLATFORM_S = 600.0  #: nobody tells when an account has been topped up


def afford(job: Job, request: Request, ports: Ports, desk: Desk) -> Outcome | None:
    """None: the money is set aside. Nothing is paid here."""
    quote = _quote(job, ports)
    if not quote.allowed:
        spread = random.uniform(0.8, 1.2)  # noqa: S311  # spreads looks over time
        return Snooze(PLATFORM_S * spread, f"{quote.refusal}; looked at again every 10 minutes", {"held": "platform"})
    expected = quote.estimate or _local(job, ports)
    most, spent = job.spec.limits.max_cost_usd, int(job.facts.get("spent") or 0)
    if most is not None and spent + expected.cost > micros(most):
        return Reject(_too_dear(expected, spent, micros(most)), code="max_cost", resume=JobState.UPLOADED)
    full = desk.reserve(expected)
    return None if full is None else Snooze(FAR_S, _full(job, full, expected))


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


def _too_dear(expected: Estimate, spent: int, most: int) -> str:
    already = f", after {spoken(spent)} that were spent already" if spent else ""
    return (
        f"the run is expected to cost {spoken(expected.cost)}{already}; limits.max_cost_usd allows {spoken(most)} "
        "(nothing was paid for it)"
    )


def _full(job: Job, budget: Budget, expected: Estimate) -> str:
    assert budget.limit is not None, "only a limit holds jobs"
    enough = budget.reserved + budget.spent + expected.cost
    return (
        f"budget of batch {job.batch}: of {spoken(budget.limit)}, {spoken(budget.spent)} are spent and "
        f"{spoken(budget.reserved)} set aside for runs under way; it needs {spoken(expected.cost)}: "
        f"hintrelay budget {job.batch} {enough / 1e6:.2f}"
    )
