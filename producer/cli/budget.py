"""budget, cost: what may be spent, and what was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import click

from common import bills
from common.bills import Bill
from common.budgets import Budget
from common.errors import NotFound
from common.job import Job
from common.money import micros, spoken, usd
from common.past import past
from common.printable import printable
from common.purse import Purse
from common.store import Store
from producer.cli.batches import batch_option
from producer.cli.context import Tools, pass_tools
from producer.cli.output import emit, emit_all, output_option, print_facts, print_table, say

NONE = "none"


class Amount(click.ParamType[int]):
    """Dollars, as micro-dollars."""

    name = "USD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return micros(str(value).lstrip("$"))
        except ValueError as exc:
            self.fail(str(exc), param, ctx)


class Limit(Amount):
    """An amount, or `none`."""

    name = "USD|none"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return NONE if value == NONE else super().convert(value, param, ctx)


@click.command()
@click.argument("batch")
@click.argument("limit", required=False, type=Limit(), metavar="[USD|none]")
@output_option
@pass_tools
def budget(tools: Tools, batch: str, limit: int | str | None, output: str) -> None:
    """Show or set what the jobs of a batch may cost.

    Jobs that the budget has no room for wait before they pay; raised, it lets them go on at once. Nothing that runs is
    stopped.
    """
    store = tools.producer.store
    store.batch(batch)
    purse = Purse.beside(store)
    found = purse.budget(batch) if limit is None else purse.allow(batch, None if limit == NONE else int(limit))
    held = [job for job in purse.held(batch) if job.facts.get("held") == "budget"]
    shown = {**_json(found), "held": len(held)}
    if output != "table":
        emit(shown, output)
        return
    amounts = {name.removesuffix("_usd"): value for name, value in shown.items() if name.endswith("_usd")}
    said = [
        (name, "none" if value is None else spoken(micros(value) if value >= 0 else -micros(-value)))
        for name, value in amounts.items()
    ]
    print_facts([("batch", batch), *said, ("held", f"{len(held)} jobs")])


def _json(found: Budget) -> dict[str, Any]:
    return {
        "batch": found.batch,
        "limit_usd": None if found.limit is None else usd(found.limit),
        "reserved_usd": usd(found.reserved),
        "spent_usd": usd(found.spent),
        "room_usd": None if found.room is None else usd(found.room),
    }


GROUPS: dict[str, Callable[[Job], str]] = {
    "job": lambda job: job.id,
    "model": bills.model,
    "day": bills.day,
    "batch": lambda job: job.batch,
}
EXPIRED = "expired"  #: stands for the jobs whose records are gone


@click.command()
@click.option("--by", type=click.Choice(list(GROUPS)), default="job", show_default=True, help="What is added up.")
@batch_option("Only jobs of this batch.")
@output_option
@pass_tools
def cost(tools: Tools, by: str, batch: str | None, output: str) -> None:
    """Add up what jobs have cost: runs and endpoints.

    Prices are the platform's; where it told none, the estimate counts, and is marked with ~. Jobs that have
    expired (HINTRELAY_KEEP_DAYS) count; by job they are one row.
    """
    store = tools.producer.store
    before = past(store, batch)
    sums: dict[str, Bill] = {}
    for one in before:
        group = EXPIRED if by == "job" else getattr(one, by)
        sums[group] = sums.get(group, Bill()) + one.bill
    names = {EXPIRED: f"{sum(one.bill.jobs for one in before)} jobs"}
    for job in _counted(store, batch, by, expired=bool(before)):
        group = GROUPS[by](job)
        sums[group] = sums.get(group, Bill()) + bills.bill(job)
        if by == "job":
            names[group] = job.name
    if output != "table":
        emit_all(({by: group, **one.dump()} for group, one in sums.items()), output)
        return
    if not sums:
        say("there are no jobs yet")
        return
    heads = [
        by.upper(),
        *(["NAME"] if by == "job" else ["JOBS"]),
        "RUNS",
        "TRAINING",
        "UNDER WAY",
        "MINUTES",
        "ENDPOINTS",
    ]
    rows = [
        [printable(group), printable(names[group]) if by == "job" else str(one.jobs), *_cells(one)]
        for group, one in sums.items()
    ]
    whole = bills.total(sums.values())
    print_table([*heads, "TOTAL"], [*rows, ["all", "" if by == "job" else str(whole.jobs), *_cells(whole)]])
    if whole.estimated:
        say(f"~ {spoken(whole.estimated)} of it by estimate: the platform told no price")


def _counted(store: Store, batch: str | None, by: str, *, expired: bool) -> Iterator[Job]:
    """The jobs there are. Raises NotFound for a batch that there is not, and was not."""
    try:
        ids = store.ids() if batch is None else store.batch(batch)
    except NotFound:
        if not expired:
            raise
        ids = []
    return store.each_whole(ids) if by == "model" else store.each(ids)  # the spec tells the model


def _cells(one: Bill) -> list[str]:
    mark = "~" if one.estimated else ""
    amounts = [mark + spoken(one.training), spoken(one.under_way), str(one.minutes), spoken(one.endpoints)]
    return [str(one.runs), *amounts, mark + spoken(one.total)]
