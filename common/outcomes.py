"""What a stage returns. It returns what it foresaw and raises what it did not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from common.states import JobState

Facts = dict[str, Any]  #: field of the job record -> value (str, int, float, or what JSON can hold)


@dataclass(frozen=True, slots=True)
class Advance:
    """The stage is done: what is durable now, and the facts that prove it."""

    to: JobState
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Snooze:
    """Nothing to do for now; waiting is not failing."""

    seconds: float
    reason: str  #: one clause, shown by `waiting`
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reject:
    """It will not work: the job ends as failed (or as cancelled, which is no failure)."""

    reason: str
    code: str = "rejected"
    to: JobState = JobState.FAILED
    resume: JobState | None = None  #: where `retry` takes it up again; None is the state it is in
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AwaitSlot:
    """As many runs are under way as may be: the job is given back until one ends and its turn has come."""

    most: int | None  #: the job's own limit
    reason: str  #: one clause, shown by `waiting`


Outcome = Advance | Snooze | Reject | AwaitSlot
