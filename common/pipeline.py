"""The road of a job on one screen: which stage starts from which state, on which queue."""

from __future__ import annotations

from dataclasses import dataclass

from common.keys import QUEUE_HINTS, QUEUE_PLATFORM
from common.states import ROAD, JobState


@dataclass(frozen=True, slots=True)
class Step:
    """One stage as messages know it."""

    name: str
    queue: str

    @property
    def task(self) -> str:
        return f"hintrelay.{self.name}"


STAGES: dict[JobState, Step] = {
    JobState.ACCEPTED: Step("prepare", QUEUE_HINTS),
    JobState.PREPARED: Step("upload", QUEUE_PLATFORM),
    JobState.UPLOADED: Step("finetune", QUEUE_PLATFORM),
    JobState.TRAINED: Step("deploy", QUEUE_PLATFORM),
    JobState.DEPLOYED: Step("generate", QUEUE_HINTS),
    JobState.GENERATED: Step("evaluate", QUEUE_HINTS),
}
QUEUES = (QUEUE_PLATFORM, QUEUE_HINTS)
#: Ends a job that somebody wishes cancelled, or that is past its deadline; starts from any unfinished state.
CANCEL = Step("cancel", QUEUE_PLATFORM)


def starts_from(stage: str) -> JobState | None:
    """The state that a stage starts from; None for `cancel`, which starts from any."""
    return next((state for state, step in STAGES.items() if step.name == stage), None)


def queue_of(state: JobState) -> str:
    """The queue whose workers take a job on from `state`; empty where no worker does."""
    step = STAGES.get(state)
    return step.queue if step else ""


def rest(state: JobState) -> list[Step]:
    """The chain from `state` on: its stages up to where the job waits for the platform, a person, or is done."""
    steps: list[Step] = []
    for here in ROAD[ROAD.index(state) :] if state in ROAD else ():
        step = STAGES.get(here)
        if step is None:
            break
        steps.append(step)
    return steps
