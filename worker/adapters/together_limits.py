"""What the platform's limits say of hyperparameters, before a run is paid. The SDK leaves most of it unchecked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from common.errors import Permanent

if TYPE_CHECKING:
    from common.spec import FinetuneSpec

MOST_SUFFIX = 40  #: characters; Source: together 2.36.0, fine_tuning.create


def check(wanted: FinetuneSpec, limits: Any, marker: str) -> None:
    """Raises Permanent with the keys of the spec, and the platform's numbers. What it does not limit is free."""
    wrong = list(_wrong(wanted, limits, marker))
    if wrong:
        raise Permanent(f"the platform's limits for {wanted.model}: {'; '.join(wrong)}", code="limits")


def _wrong(wanted: FinetuneSpec, limits: Any, marker: str) -> Iterator[str]:
    full = wanted.lora is False
    kind = getattr(limits, "full_training" if full else "lora_training", None)
    rank = None if full else wanted.lora_r
    batch = None if wanted.batch_size == "max" else wanted.batch_size
    yield from _beyond("n_epochs", wanted.n_epochs, None, _number(limits, "max_num_epochs"))
    yield from _beyond("batch_size", batch, _number(kind, "min_batch_size"), _number(kind, "max_batch_size"))
    yield from _beyond("lora_r", rank, None, _number(kind, "max_rank"))
    rates = _number(limits, "min_learning_rate"), _number(limits, "max_learning_rate")
    yield from _beyond("learning_rate", wanted.learning_rate, *rates)
    yield from _beyond("n_checkpoints", wanted.n_checkpoints, None, _number(limits, "max_num_checkpoints"))
    if len(marker) > MOST_SUFFIX:
        yield f"finetune.suffix makes {marker!r}, {len(marker)} characters; allowed are {MOST_SUFFIX}"


def _beyond(key: str, value: float | None, least: float | None, most: float | None) -> Iterator[str]:
    if value is None:
        return
    if most is not None and value > most:
        yield f"finetune.{key} is {value:g}, at most {most:g}"
    elif least is not None and value < least:
        yield f"finetune.{key} is {value:g}, at least {least:g}"


def _number(limits: Any, name: str) -> float | None:
    """What the platform said, where it is a number that limits anything."""
    value = getattr(limits, name, None)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 else None
