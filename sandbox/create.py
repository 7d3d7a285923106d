"""What the platform makes of a request for a run: refused with a sentence, or completed with defaults."""

from collections.abc import Callable
from typing import Any

from .errors import PlatformError
from .files import Files, StoredFile
from .limits import (
    DEFAULT_RANK,
    MAX_CHECKPOINTS,
    MAX_EPOCHS,
    MAX_EVALS,
    MAX_LEARNING_RATE,
    MAX_RANK,
    MAX_SUFFIX,
    MIN_BATCH,
    MIN_LEARNING_RATE,
    MODELS,
    NANODOLLARS,
    BaseModel,
    price_usd,
    tokens_in,
)
from .run import Counted
from .runs import Runs

#: processing status -> why no estimate, no run
NOT_READY = {"INVALID_FORMAT": "train_file_invalid", "FAILED": "train_file_invalid"}
LORA = {
    "type": "Lora",
    "lora_r": DEFAULT_RANK,
    "lora_alpha": DEFAULT_RANK * 2,
    "lora_dropout": 0.0,
    "lora_trainable_modules": "all-linear",
}
DEFAULTS: dict[str, Any] = {
    "n_epochs": 1,
    "learning_rate": 1e-5,
    "lr_scheduler": {
        "lr_scheduler_type": "cosine",
        "lr_scheduler_args": {"min_lr_ratio": 0.0, "num_cycles": 0.5},
    },
    "warmup_ratio": 0.0,
    "max_grad_norm": 1.0,
    "weight_decay": 0.0,
    "n_checkpoints": 1,
    "n_evals": 0,
    "packing": True,
    "training_type": LORA,
    "training_method": {"method": "sft", "train_on_inputs": "auto"},
    "random_seed": 42,
}


def trainable(name: Any, runs: Runs) -> BaseModel:
    """The base model to train, also when a run or its output (`from_checkpoint`) names it."""
    parent = runs.by_output(str(name))
    model = MODELS.get(str(name) if parent is None else parent.request["model"])
    if model is None or not model.trainable:
        raise PlatformError(400, f"Model {name!r} is not available for fine-tuning", "model_not_available", "model")
    return model


def ready_file(file_id: Any, files: Files, now: float, param: str = "training_file") -> StoredFile:
    """A file that has been validated, or 400 with what is wrong with it."""
    try:
        file = files.get(str(file_id or ""))
    except PlatformError as exc:
        raise PlatformError(400, f"{param}: file {file_id!r} does not exist", "file_not_found", param) from exc
    status = file.status(now)
    if status == "INVALID_FORMAT":
        why = (file.report or {}).get("error")
        raise PlatformError(400, f"{param}: file {file.id} is invalid: {why}", "file_invalid", param)
    if status != "COMPLETED":
        raise PlatformError(400, f"{param}: file {file.id} is still {status}", "file_not_ready", param)
    return file


def complete(asked: dict[str, Any], model: BaseModel) -> dict[str, Any]:
    """The request with the platform's defaults, checked against the model's limits."""
    known = {name: value for name, value in asked.items() if value is not None}
    request = DEFAULTS | known | {"model": model.name}
    if request.get("batch_size") in (None, "max"):
        request["batch_size"] = model.max_batch
    for name, (fits, allowed) in _bounds(model).items():
        if not fits(request.get(name)):
            raise PlatformError(400, f"{name} must be {allowed}, got {request.get(name)!r}", param=name)
    return request


def _bounds(model: BaseModel) -> dict[str, tuple[Callable[[Any], bool], str]]:
    return {
        "n_epochs": (_whole(1, MAX_EPOCHS), f"a whole number from 1 to {MAX_EPOCHS}"),
        "n_evals": (_whole(0, MAX_EVALS), f"a whole number from 0 to {MAX_EVALS}"),
        "n_checkpoints": (_whole(0, MAX_CHECKPOINTS), f"a whole number from 0 to {MAX_CHECKPOINTS}"),
        "batch_size": (_whole(MIN_BATCH, model.max_batch), f"from {MIN_BATCH} to {model.max_batch}, or max"),
        "learning_rate": (_is_rate, f"from {MIN_LEARNING_RATE} to {MAX_LEARNING_RATE}"),
        "suffix": (_is_suffix, f"at most {MAX_SUFFIX} characters"),
        "training_type": (_is_training_type, f"Full, or Lora with lora_r from 1 to {MAX_RANK}"),
        "training_method": (lambda value: isinstance(value, dict), "an object"),
    }


def _whole(least: int, most: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and least <= value <= most


def _is_rate(value: Any) -> bool:
    return isinstance(value, int | float) and MIN_LEARNING_RATE <= value <= MAX_LEARNING_RATE


def _is_suffix(value: Any) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= MAX_SUFFIX)


def _is_training_type(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return value.get("type") == "Full" or _whole(1, MAX_RANK)(value.get("lora_r"))


def counted(file: StoredFile, request: dict[str, Any], model: BaseModel) -> Counted:
    """What the platform counts in the training file, and the price."""
    tokens = tokens_in(file.size)
    return {
        "tokens": tokens,
        "lines": int((file.report or {}).get("nlines") or 1),
        "size": file.size,
        "price": round(price_usd(model, tokens, request["n_epochs"]) * NANODOLLARS),
    }
