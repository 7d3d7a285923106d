"""The states of a job and the one table of moves. Pure data; a test holds docs/states.md against it."""

from __future__ import annotations

from enum import StrEnum

from common.errors import IllegalMove


class JobState(StrEnum):
    """What is durably done."""

    ACCEPTED = "accepted"  #: spec stored, nothing done
    PREPARED = "prepared"  #: training file is in the artifact store
    UPLOADED = "uploaded"  #: training file is on the platform, and valid there
    TRAINING = "training"  #: a run exists on the platform; the tick moves it on
    TRAINED = "trained"  #: the tuned model exists; a deployment name is wanted
    DEPLOYED = "deployed"  #: the model answers under a registered name
    GENERATED = "generated"  #: hints are in the artifact store
    SUCCEEDED = "succeeded"  #: hints are scored, results stored
    FAILED = "failed"  #: gave up; `retry` takes it up again
    CANCELLED = "cancelled"  #: somebody did not want it any more


ROAD = (
    JobState.ACCEPTED,
    JobState.PREPARED,
    JobState.UPLOADED,
    JobState.TRAINING,
    JobState.TRAINED,
    JobState.DEPLOYED,
    JobState.GENERATED,
    JobState.SUCCEEDED,
)
FINISHED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
UNFINISHED = tuple(state for state in JobState if state not in FINISHED)

#: (from, to) -> what happened, a fact of the domain. Every move of every job is one of these.
MOVES: dict[tuple[JobState, JobState], str] = {
    (JobState.ACCEPTED, JobState.PREPARED): "data_prepared",
    (JobState.PREPARED, JobState.UPLOADED): "file_uploaded",
    (JobState.UPLOADED, JobState.TRAINING): "training_started",
    (JobState.TRAINING, JobState.TRAINED): "model_trained",
    (JobState.TRAINED, JobState.DEPLOYED): "model_deployed",
    (JobState.DEPLOYED, JobState.GENERATED): "hints_generated",
    (JobState.GENERATED, JobState.SUCCEEDED): "job_succeeded",
    **{(state, JobState.FAILED): "job_failed" for state in UNFINISHED},
    **{(state, JobState.CANCELLED): "job_cancelled" for state in UNFINISHED},
    **{(JobState.FAILED, state): "job_retried" for state in UNFINISHED},
}


def event_of(origin: JobState, target: JobState) -> str:
    """The name of a move's event. Raises IllegalMove for a move that the table does not have."""
    try:
        return MOVES[origin, target]
    except KeyError:
        raise IllegalMove(f"no move from {origin} to {target}") from None


def reached(state: JobState, goal: JobState) -> bool:
    """Whether a job in `state` has come as far as `goal` on the road."""
    return state in ROAD and goal in ROAD and ROAD.index(state) >= ROAD.index(goal)
