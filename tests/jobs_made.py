"""Jobs for tests, and a clock that tests move."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from common.claims import Refusal
from common.drafts import NewJob
from common.errors import Unreachable
from common.job import Job, Lease
from common.pipeline import Step
from common.spec import JobSpec
from common.states import ROAD, JobState
from common.store import Store

START_MS = 1_800_000_000_000
DEADLINE_MS = 3_600_000
LEASE_MS = 30_000


class MovableClock:
    """ms since 1970, moved by hand."""

    def __init__(self) -> None:
        self.ms = START_MS

    def __call__(self) -> int:
        return self.ms

    def forward(self, ms: int) -> None:
        self.ms += ms


class RecordingNudger:
    """Keeps what was sent; with `down` there is no broker."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, list[str]]] = []
        self.down = False

    def send_many(self, nudges: Sequence[tuple[str, Sequence[Step]]]) -> None:
        if self.down:
            raise Unreachable("no broker")
        self.sent += [(job_id, [step.name for step in steps]) for job_id, steps in nudges]


def document(**parts: Any) -> dict[str, Any]:
    """A small valid spec document; a part given as a mapping is laid over it."""
    base: dict[str, Any] = {"version": 1, "dataset": {"source": "data/hints.json"}, "finetune": {"model": "acme/base"}}
    for name, value in parts.items():
        base[name] = {**base.get(name, {}), **value} if isinstance(value, dict) else value
    return base


def spec(**parts: Any) -> JobSpec:
    return JobSpec.parse(document(**parts))


def new_job(**given: Any) -> NewJob:
    record = {"name": "demo", "spec": spec().dump(), "max_attempts": 3, **given.pop("record", {})}
    return NewJob(**{"digest": "d1", "deadline_ms": DEADLINE_MS, "record": record, **given})


def made(store: Store, **given: Any) -> str:
    """The id of a job just created."""
    return store.create([new_job(**given)])[0].job_id


def claimed(store: Store, job_id: str, stage: str = "prepare", origin: JobState | None = None) -> Lease:
    """A lease, where one must be granted."""
    answer = store.claim(job_id, stage, origin, LEASE_MS)
    assert not isinstance(answer, Refusal), answer
    return answer[0]


def refused(answer: tuple[Lease, Job] | Refusal) -> str:
    """Why a claim was refused."""
    assert isinstance(answer, Refusal)
    return answer.why


def in_state(store: Store, state: JobState, **facts: Any) -> str:
    """The id of a new job that was brought to `state` by legal moves, without a lease."""
    job_id = made(store)
    if state not in ROAD:
        assert store.move(job_id, JobState.ACCEPTED, state, facts)
        return job_id
    road = ROAD[: ROAD.index(state) + 1]
    for origin, target in pairwise(road):
        assert store.move(job_id, origin, target, facts if target is state else {})
    return job_id
