"""A run as the platform shows it: truncated in lists, in full by id."""

import math
from typing import Any

import orjson

from .clock import iso
from .life import TRAIN_FROM, next_step, passed, trained_share
from .limits import MODELS
from .run import Run

USER_ID = "user-sandbox"
#: a new run finds so many before it in the queue
LONGEST_QUEUE = 3

#: what both forms take over from the request as it was
ASKED = (
    "batch_size",
    "from_checkpoint",
    "from_hf_model",
    "hf_model_revision",
    "learning_rate",
    "lr_scheduler",
    "max_grad_norm",
    "model",
    "multimodal_params",
    "n_checkpoints",
    "n_epochs",
    "n_evals",
    "training_file",
    "training_method",
    "training_type",
    "validation_file",
    "wandb_project_name",
    "warmup_ratio",
    "weight_decay",
)
#: what only the truncated form takes over
ASKED_IN_LISTS = (
    "suffix",
    "random_seed",
    "packing",
    "max_seq_length",
    "wandb_name",
    "wandb_entity",
    "wandb_base_url",
)


def truncated(run: Run, now: float) -> dict[str, Any]:
    """The form of lists, of a create and of a cancel: with the suffix, without events."""
    return _moving(run, now) | _fixed(run)


def fixed_json(run: Run) -> bytes:
    """The part of the truncated form that never changes."""
    return orjson.dumps(_fixed(run))


def truncated_json(run: Run, now: float, fixed: bytes) -> bytes:
    """The truncated form, of its fixed part and what the clock says."""
    return orjson.dumps(_moving(run, now))[:-1] + b"," + fixed[1:]


def full(run: Run, now: float, events: list[dict[str, Any]]) -> dict[str, Any]:
    """The form of `GET fine-tunes/{id}`: with events, without the suffix."""
    steps, epochs = total_steps(run), run.request["n_epochs"]
    share = trained_share(run.steps, now, run.created_at, run.seconds)
    return (
        _moving(run, now)
        | _asked(run)
        | _registry(run, now)
        | {
            "events": events,
            "job_id": run.id,
            "queue_depth": _queue_depth(run, now),
            "epochs_completed": int(share * epochs),
            "eval_steps": None,
            "evals_completed": int(share * (run.request["n_evals"] or 0)),
            "steps_completed": int(share * steps),
            "total_steps": steps,
            "param_count": MODELS[run.request["model"]].params,
            "tokenized_dataset_path": None,
            "tokenized_dataset_uploaded_at": None,
            "train_on_inputs": run.request["training_method"].get("train_on_inputs", "auto"),
            "trainingfile_numlines": run.lines,
            "trainingfile_size": run.size,
            "TrainingFileNumLines": run.lines,
            "TrainingFileSize": run.size,
            "wandb_url": None,
        }
    )


def total_steps(run: Run) -> int:
    """Steps of the optimizer over the whole training."""
    batches = math.ceil(max(1, run.lines) / int(run.request["batch_size"]))
    return batches * int(run.request["n_epochs"])


def _moving(run: Run, now: float) -> dict[str, Any]:
    present = passed(run.steps, now)[-1]
    done = present.status == "completed"
    return {
        "id": run.id,
        "status": present.status,
        "created_at": iso(run.created_at),
        "updated_at": iso(present.at),
        "started_at": iso(present.at),
        "progress": _progress(run, now),
        "model_output_name": run.output_name if done else "",
        "adapter_output_name": f"{run.output_name}-adapter" if done else "",
        "token_count": run.tokens if present.status not in ("pending", "queued") else 0,
        "total_price": run.price,
    }


def _asked(run: Run) -> dict[str, Any]:
    return {
        "user_id": USER_ID,
        "owner_address": "",
        "early_stopped": False,
        "early_stopping_best_metric": None,
        "early_stopping_best_step": None,
    } | {name: run.request.get(name) for name in ASKED}


def _fixed(run: Run) -> dict[str, Any]:
    return _asked(run) | {name: run.request.get(name) for name in ASKED_IN_LISTS} | {"events": None}


def _progress(run: Run, now: float) -> dict[str, Any]:
    """Seconds to the next status, not to the end: so does the platform."""
    ahead = next_step(run.steps, now)
    left = 0 if ahead is None else math.ceil(ahead.at - now)
    return {"estimate_available": ahead is not None, "seconds_remaining": left}


def _queue_depth(run: Run, now: float) -> int:
    """Runs before it in the queue: fewer and fewer until it runs."""
    if run.status(now) not in ("pending", "queued"):
        return 0
    waited = (now - run.created_at) / (TRAIN_FROM * run.seconds)
    return max(0, math.ceil(LONGEST_QUEUE * (1 - waited)))


def _registry(run: Run, now: float) -> dict[str, Any]:
    """The names of the model in the registry: none before the end, or when its upload there failed."""
    there = run.completed_at(now) is not None and run.plan != "unregistered"
    name, mark = run.output_name, run.object_id[3:]
    facts = {
        "model_object_id": run.object_id,
        "model_object_name": name,
        "model_object_revision_id": f"rv_{mark}",
        "adapter_object_id": f"ml_a{mark[1:]}",
        "adapter_object_name": f"{name}-adapter",
        "adapter_object_revision_id": f"rv_a{mark[1:]}",
        "model_output_path": f"s3://sandbox-models/{run.id}/model",
    }
    return facts if there else dict.fromkeys(facts)
