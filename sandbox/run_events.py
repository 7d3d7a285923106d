"""What a run tells of itself: events, metrics and checkpoints, all derived from the clock."""

import math
from collections.abc import Iterator
from typing import Any

from .clock import iso
from .life import REASONS, TRAIN_FROM, TRAIN_TO, passed, trained_share
from .limits import MODELS
from .run import Run
from .run_views import total_steps

#: metrics of more steps are thinned out to this many
MOST_METRICS = 500

Event = tuple[float, str, str, str, dict[str, Any]]  # when, type, level, message, more

#: status -> events of its begin: (type, message)
BEGINS: dict[str, tuple[tuple[str, str], ...]] = {
    "pending": (("job_pending", "Fine-tune request created"),),
    "running": (
        ("job_start", "Job started"),
        ("model_downloading", "Downloading the base model"),
        ("model_download_complete", "Base model downloaded"),
        ("training_data_downloading", "Downloading the training data"),
        ("training_data_download_complete", "Training data downloaded"),
        ("training_start", "Training started"),
    ),
    "paused": (("warning", "Job paused: waiting for capacity"),),
    "compressing": (("training_complete", "Training completed"), ("model_compressing", "Compressing model")),
    "uploading": (("model_compression_complete", "Model compressed"), ("model_uploading", "Uploading model")),
    "completed": (("model_upload_complete", "Model uploaded"), ("job_complete", "Job finished")),
    "cancel_requested": (("cancel_requested", "Cancel requested by the user"),),
}


def events(run: Run, now: float) -> list[dict[str, Any]]:
    """All events up to now, oldest first."""
    found = [*_epochs(run, now), *_begins(run, now)]  # of two at one moment, the epoch's comes first
    return [_as_json(run, event) for event in sorted(found, key=lambda event: round(event[0], 3))]


def _begins(run: Run, now: float) -> Iterator[Event]:
    seen = set()
    for step in passed(run.steps, now):
        if step.status == "running" and "running" in seen:
            yield step.at, "job_start", "info", "Job resumed", {}
            continue
        seen.add(step.status)
        for kind, message in BEGINS.get(step.status, ()):
            yield step.at, kind, "info", message, {}
        if step.status in ("error", "user_error", "cancelled"):
            yield from _ends(run, step.status, step.at)


def _ends(run: Run, status: str, at: float) -> Iterator[Event]:
    reason = run.message or REASONS.get(run.plan, "")
    if status == "cancelled":
        if run.cancel_at is None:
            yield at, "billing_limit", "error", reason, {}
        yield at, "job_stopped", "info", "Job cancelled", {}
        return
    yield at, "job_error", "error", reason, {}
    if run.successor is not None:
        yield at, "job_restarted", "warning", f"Job restarted as {run.successor}", {}
        yield at, "refund", "info", f"Refunded {run.price / 1e9:.2f} USD for {run.id}", {}


def _epochs(run: Run, now: float) -> Iterator[Event]:
    epochs, steps = int(run.request["n_epochs"]), total_steps(run)
    done = int(trained_share(run.steps, now, run.created_at, run.seconds) * epochs)
    for epoch in range(1, done + 1):
        more: dict[str, Any] = {"step": steps * epoch // epochs}
        at, message = _moment(run, epoch / epochs), f"Epoch {epoch} of {epochs} completed"
        yield at, "epoch_complete", "info", message, more
    for step in _checkpoint_steps(run, done / epochs):
        more = {"step": step, "checkpoint_path": f"s3://sandbox-models/{run.id}/step-{step}"}
        yield _moment(run, step / steps), "checkpoint_save", "info", f"Checkpoint saved at step {step}", more


def _as_json(run: Run, event: Event) -> dict[str, Any]:
    at, kind, level, message, more = event
    return {
        "object": "fine-tune-event",
        "created_at": iso(at),
        "level": level,
        "message": message,
        "type": kind,
        "checkpoint_path": "",
        "early_stopping_best_metric_value": None,
        "early_stopping_best_step": None,
        "hash": "",
        "model_path": "",
        "param_count": MODELS[run.request["model"]].params,
        "step": 0,
        "token_count": run.tokens,
        "tokenized_dataset_path": None,
        "total_steps": total_steps(run),
        "training_offset": 0,
        "wandb_url": "",
    } | more


def metrics(run: Run, now: float) -> list[dict[str, float]]:
    """Flat points by step: the loss falls, and is evaluated at the end of each epoch."""
    steps, epochs = total_steps(run), int(run.request["n_epochs"])
    done = int(trained_share(run.steps, now, run.created_at, run.seconds) * steps)
    ends = {steps * epoch // epochs for epoch in range(1, epochs + 1)}
    stride = math.ceil(steps / MOST_METRICS)
    return [
        _point(run, step, step / steps, step in ends)
        for step in range(1, done + 1)
        if step % stride == 0 or step in ends
    ]


def _point(run: Run, step: int, share: float, evaluated: bool) -> dict[str, float]:
    loss = 0.6 + 1.6 * math.exp(-3 * share) + 0.05 * math.sin(step * 1.7)
    point = {
        "global_step": float(step),
        "train/loss": round(loss, 5),
        "train/epoch": round(share * run.request["n_epochs"], 4),
        "train/learning_rate": run.request["learning_rate"] * 0.5 * (1 + math.cos(math.pi * share)),
        "train/grad_norm": round(0.4 + 0.6 * math.exp(-2 * share), 5),
    }
    return point | ({"eval/loss": round(0.75 + 1.5 * math.exp(-2.5 * share), 5)} if evaluated else {})


def logged_at(run: Run, point: dict[str, float]) -> float:
    """When a metric was logged."""
    return _moment(run, point["global_step"] / total_steps(run))


def checkpoints(run: Run, now: float) -> list[dict[str, Any]]:
    """The checkpoints saved by now; the final one when the run has completed."""
    share = trained_share(run.steps, now, run.created_at, run.seconds)
    final, steps = run.completed_at(now), total_steps(run)
    saved = [
        _checkpoint(run, f"Intermediate (step {step})", step, _moment(run, step / steps))
        for step in _checkpoint_steps(run, share)
        if step < steps
    ]
    return saved if final is None else [*saved, _checkpoint(run, f"Final (step {steps})", steps, final)]


def _checkpoint(run: Run, label: str, step: int, at: float) -> dict[str, Any]:
    return {
        "checkpoint_type": label,
        "created_at": iso(at),
        "path": f"s3://sandbox-models/{run.id}/step-{step}",
        "step": step,
        "checkpoint": "model",
        "object_id": run.object_id,
        "object_name": run.output_name,
        "object_revision_id": f"rv_{run.object_id[3:]}",
    }


def _checkpoint_steps(run: Run, share: float) -> list[int]:
    """The steps of the checkpoints that a training so far has saved."""
    count, steps = int(run.request["n_checkpoints"] or 1), total_steps(run)
    return [steps * place // count for place in range(1, count + 1) if place / count <= share]


def _moment(run: Run, share: float) -> float:
    """When the training had got so far."""
    return run.created_at + run.seconds * (TRAIN_FROM + share * (TRAIN_TO - TRAIN_FROM))
