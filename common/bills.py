"""What a job has cost, as its record tells. Micro-dollars."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common.job import Job
from common.money import usd
from common.states import FINISHED


@dataclass(frozen=True, slots=True)
class Bill:
    """Of one job, or summed up. `under_way` is set aside for runs and endpoints that have not ended, not spent."""

    jobs: int = 0
    runs: int = 0  #: that were paid for
    training: int = 0
    estimated: int = 0  #: the part of `training` that the platform told no price of
    under_way: int = 0
    endpoints: int = 0
    minutes: int = 0

    def __add__(self, other: Bill) -> Bill:
        return Bill(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    @property
    def total(self) -> int:
        return self.training + self.endpoints

    def dump(self) -> dict[str, Any]:
        return {
            "jobs": self.jobs,
            "runs": self.runs,
            "training_usd": usd(self.training),
            "estimated_usd": usd(self.estimated),
            "under_way_usd": usd(self.under_way),
            "endpoints_usd": usd(self.endpoints),
            "endpoint_minutes": self.minutes,
            "total_usd": usd(self.total),
        }


def bill(job: Job) -> Bill:
    """A job that shares another one's run has paid nothing for it."""
    facts = job.facts
    spent, reserved = _number(facts.get("spent")), _number(facts.get("reserved"))
    endpoint = _number(facts.get("reserved_endpoint"))
    open_now = _number(facts.get("bound_endpoint"))  # an endpoint may outlive its job by a minute
    return Bill(
        jobs=1,
        runs=int(bool(facts.get("paid") or spent)),
        training=spent,
        estimated=spent if facts.get("spent_by") == "estimate" else 0,
        under_way=(0 if job.state in FINISHED else reserved + endpoint) + open_now,
        endpoints=_number(facts.get("endpoint_cost")),
        minutes=_number(facts.get("endpoint_minutes")),
    )


def day(job: Job) -> str:
    """The local day on which its run was paid for; of one that was not, that of the job."""
    moment = _number(job.facts.get("paid")) or job.created // 1000
    return datetime.fromtimestamp(moment).astimezone().date().isoformat()


def model(job: Job) -> str:
    """The base model that it tunes; empty where its spec is gone from Redis."""
    return str((job.spec_json or {}).get("finetune", {}).get("model", ""))


def total(bills: Iterable[Bill]) -> Bill:
    return sum(bills, Bill())


def _number(value: Any) -> int:
    return int(float(value or 0))
