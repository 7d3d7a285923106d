"""One fine-tuning run: what is stored of it, and what follows from that."""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any, TypedDict

from .life import Step, passed, timeline

#: the account whose models these are
ACCOUNT = "sandbox"


class Counted(TypedDict):
    """What the platform counts in the training file."""

    tokens: int
    lines: int
    size: int  #: bytes
    price: int  #: nanodollars


@dataclass(frozen=True)
class Run:
    """One run; its status is no part of it but follows from the clock."""

    id: str
    created_at: float
    seconds: float  #: from creation to completion
    plan: str
    visible_at: float  #: when the list begins to show it
    request: dict[str, Any]  #: the body it was asked for with, defaults filled in
    tokens: int
    lines: int
    size: int
    price: int
    message: str | None = None  #: why it ends, in a fault's words
    cancel_at: float | None = None
    successor: str | None = None  #: the run that a restart made

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """All its statuses and when they begin."""
        return timeline(self.plan, self.created_at, self.seconds, self.cancel_at)

    @cached_property
    def output_name(self) -> str:
        """The name of the model it makes."""
        base, suffix = self.request["model"].rsplit("/", 1)[-1], self.request.get("suffix")
        parts = [base, suffix, sha256(self.id.encode()).hexdigest()[:8]]
        return f"{ACCOUNT}/" + "-".join(part for part in parts if part)

    @cached_property
    def object_id(self) -> str:
        """The id of its model in the registry."""
        return "ml_" + sha256(f"model {self.id}".encode()).hexdigest()[:24]

    def status(self, now: float) -> str:
        """Its status now."""
        return passed(self.steps, now)[-1].status

    def completed_at(self, now: float) -> float | None:
        """When it completed, if it has."""
        last = passed(self.steps, now)[-1]
        return last.at if last.status == "completed" else None
