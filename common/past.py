"""What jobs that expired have cost: sums of their bills, which `hintrelay cost` adds to those of the jobs there are."""

from __future__ import annotations

from dataclasses import dataclass

from common.bills import Bill
from common.connection import reaching
from common.keys import Keys
from common.records import Records


@dataclass(frozen=True, slots=True)
class Past:
    """Of the expired jobs of one day, batch and base model, summed up."""

    day: str
    batch: str
    model: str
    bill: Bill


def past(records: Records, batch: str | None = None) -> list[Past]:
    """All sums, or those of one batch; the oldest day first."""
    with reaching(records.url):
        sums = records.client.hgetall(Keys.past)
    found = []
    for field, numbers in sorted(sums.items()):
        day, its_batch, model = field.split(" ", 2)
        if batch in {None, its_batch}:
            found.append(Past(day, its_batch, model, Bill(*map(int, numbers.split()))))
    return found
