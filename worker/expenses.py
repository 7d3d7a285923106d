"""What a job is about to spend on an endpoint: how much, whether it may, and the money set aside for it."""

from __future__ import annotations

from collections.abc import Callable

from common.budgets import Budget
from common.errors import Busy, HintrelayError, Permanent
from common.job import Job
from common.money import EndpointEstimate, micros, spoken
from worker.endpoints.choice import choose
from worker.ports import Desk, Ports


class Held(Exception):
    """The budget has no room for it: the job is made due when it has."""


def own_endpoint(job: Job, ports: Ports) -> EndpointEstimate | None:
    """Of the endpoint that the job will start for its model; None where it will start none."""
    if job.spec.deploy.mode != "auto" or job.deployment:
        return None
    return expected(job, ports, job.spec.finetune.model, base=True)  # what it trains is served as its base model is


def expected(job: Job, ports: Ports, model: str, *, base: bool) -> EndpointEstimate:
    """At the platform's price; where it tells none, by the table: a doubt about the price is no fault."""
    questions = int((job.facts.get("counts") or {}).get("test_questions") or 1)
    wanted = job.spec.deploy
    try:
        offers = ports.catalog.offers(model, base=base)
        one = choose(offers, model, config=wanted.config or "", hardware=wanted.hardware or "")
    except Busy:
        raise
    except HintrelayError:
        return ports.prices.endpoint(job.spec, questions)
    cents = one.cents_per_minute
    return ports.prices.endpoint(job.spec, questions, None if cents is None else (one.hardware, cents))


def spent_already(job: Job) -> int:
    """What the job has cost, and what is set aside for what it uses now."""
    return sum(int(job.facts.get(name) or 0) for name in ("spent", "endpoint_cost", "bound_endpoint"))


def paying(job: Job, ports: Ports, desk: Desk, model: str, *, base: bool) -> Callable[[int], None]:
    """Sets money aside before an endpoint is asked for: the nth part, where n jobs pay. Raises Held, Permanent."""

    def pay(payers: int) -> None:
        whole = expected(job, ports, model, base=base)
        amount = -(-whole.cost // payers)
        most = job.spec.limits.max_cost_usd
        spent = spent_already(job) + int(job.facts.get("reserved") or 0)
        if most is not None and spent + amount > micros(most):
            raise Permanent(
                f"{whole.minutes} minutes of an endpoint are expected to cost {spoken(amount)}, after {spoken(spent)}; "
                f"limits.max_cost_usd allows {spoken(micros(most))} (no endpoint was started)",
                code="max_cost",
            )
        full = desk.reserve(endpoint=amount)
        if full is not None:
            raise Held(no_room(job, full, amount - int(job.facts.get("reserved_endpoint") or 0)))

    return pay


def no_room(job: Job, budget: Budget, wanted: int) -> str:
    """What the budget holds, and what a person types; `command_for` reads the command off its end."""
    assert budget.limit is not None, "only a limit holds jobs"
    enough = -(-(budget.reserved + budget.spent + wanted) // 10_000) / 100
    return (
        f"budget of batch {job.batch}: of {spoken(budget.limit)}, {spoken(budget.spent)} are spent and "
        f"{spoken(budget.reserved)} set aside for what is under way; it needs {spoken(wanted)}: "
        f"hintrelay budget {job.batch} {enough:.2f}"
    )
