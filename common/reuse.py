"""What makes two runs equal: the same training bytes, model and hyperparameters on the same platform."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from common.spec import FinetuneSpec


def run_fingerprint(platform: str, training_sha256: str, wanted: FinetuneSpec) -> str:
    """Equal for runs that may be one. The suffix counts: somebody asked for that name. `format` is in the bytes."""
    asked = {"train_on_inputs": "auto", **wanted.model_dump(mode="json", exclude_none=True, exclude={"format"})}
    body = {"platform": platform, "training": training_sha256, "finetune": asked}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]
