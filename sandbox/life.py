"""A run's life, derived from when it was made and how long it takes: pure data and arithmetic."""

from dataclasses import dataclass
from typing import Final

#: share of the whole at which running begins, and at which a healthy run has trained
TRAIN_FROM: Final = 0.15
TRAIN_TO: Final = 0.85
#: share of the whole between a cancel and the end of the run
CANCEL_SHARE: Final = 0.05
#: a stuck run gets this far with its training
STUCK_AT: Final = 0.5

FINAL: Final = frozenset({"completed", "error", "user_error", "cancelled"})

Steps = tuple[tuple[str, float], ...]

_HEAD: Final[Steps] = (("pending", 0.0), ("queued", 0.05), ("running", TRAIN_FROM))
_TAIL: Final[Steps] = (("compressing", TRAIN_TO), ("uploading", 0.92), ("completed", 1.0))

#: plan -> its statuses and the share of the whole at which each begins
PLANS: Final[dict[str, Steps]] = {
    "ok": _HEAD + _TAIL,
    "unregistered": _HEAD + _TAIL,  # completes without a model in the registry
    "error": (*_HEAD, ("error", 0.5)),
    "user_error": (*_HEAD, ("user_error", 0.3)),
    "stuck": _HEAD,
    "cancelled": (*_HEAD, ("cancelled", 0.4)),
    "restart": (*_HEAD, ("error", 0.4)),
    "paused": (*_HEAD, ("paused", 0.3), ("running", 0.6), *_TAIL),
    "paused_forever": (*_HEAD, ("paused", 0.3)),
}

#: plan -> why such a run ends, unless the fault words it otherwise
REASONS: Final[dict[str, str]] = {
    "error": "Training failed: CUDA out of memory on node 3",
    "user_error": "Training failed: sample 7 of the training file exceeds the maximum sequence length",
    "cancelled": "Job cancelled: insufficient balance. Required combined balance and credit limit: 4.00 USD",
    "restart": "Training failed: node 3 was lost",
}


@dataclass(frozen=True)
class Step:
    """A status and when it begins (seconds since 1970)."""

    status: str
    at: float


def timeline(plan: str, created_at: float, seconds: float, cancel_at: float | None = None) -> tuple[Step, ...]:
    """All the statuses of a run's life, in order, with the time each begins."""
    steps = [Step(status, created_at + share * seconds) for status, share in PLANS[plan]]
    if cancel_at is None:
        return tuple(steps)
    kept = [step for step in steps if step.at <= cancel_at]
    gone_at = cancel_at + CANCEL_SHARE * seconds
    return (*kept, Step("cancel_requested", cancel_at), Step("cancelled", gone_at))


def passed(steps: tuple[Step, ...], now: float) -> tuple[Step, ...]:
    """The statuses a run has had by now, the present one last; the first is there from the start."""
    return (steps[0], *(step for step in steps[1:] if step.at <= now))


def next_step(steps: tuple[Step, ...], now: float) -> Step | None:
    """The status that comes next, if one does."""
    return next((step for step in steps[1:] if step.at > now), None)


def trained_share(steps: tuple[Step, ...], now: float, created_at: float, seconds: float) -> float:
    """How much of the training is done by now, 0 to 1."""
    begins, whole = created_at + TRAIN_FROM * seconds, (TRAIN_TO - TRAIN_FROM) * seconds
    ends = next((step.at for step in steps if step.status not in _TRAINING), now)
    share = min(1.0, max(0.0, (min(now, ends) - begins) / whole)) if whole > 0 else 1.0
    return share if steps[-1].status in FINAL else min(share, STUCK_AT)


_TRAINING: Final = frozenset({"pending", "queued", "running", "paused"})
