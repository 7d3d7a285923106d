"""What of Together's can serve a model, and for how much: configs joined with the prices of hardware."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from common import hardware
from common.errors import Permanent
from worker.adapters.together_v2 import V2
from worker.ports import Absent
from worker.serving import Offer

log = structlog.get_logger(__name__)

Query = dict[str, str]


def offers(v2: V2, model: str, *, base: bool) -> list[Offer]:
    """The cheapest first; those whose hardware has no price last."""
    path, references = _supported(v2, model) if base else _registered(v2, model)
    kinds = v2.seldom(hardware.PRICES_PATH)
    found = []
    for one in hardware.configs(_configs(v2, references), kinds, v2.project()):
        if one.cents_per_minute is None:
            log.info("config_without_price", model=model, config=one.path, hardware=one.hardware)
        found.append(Offer(path, one.path, one.hardware, one.cents_per_minute))
    return sorted(found, key=lambda one: (one.cents_per_minute is None, one.cents_per_minute or 0.0))


def _configs(v2: V2, references: Sequence[Query]) -> list[dict[str, Any]]:
    """Of the first reference that has any; a model that the platform does not know has none."""
    for reference in references:
        try:
            found = v2.seldom(f"{v2.home()}/configs", **reference)
        except Absent:
            continue
        if found:
            return found
    return []


def _registered(v2: V2, model_id: str) -> tuple[str, list[Query]]:
    """The path of a tuned model, and what to ask for its configs by: they are those of its base model."""
    try:
        body = v2.get(f"{v2.home()}/models/{model_id}")
    except Absent:  # where there is no registry to read, or no such model: then it has no configs either
        body = {}
    path = hardware.model_path(str(body.get("projectId") or v2.project()), model_id)
    base: list[Query] = []
    if body.get("baseModel"):
        base.append({"referenceModel": str(body["baseModel"]).split("/revisions/")[0]})
    elif body.get("baseModelId"):
        base.append({"referenceModelId": str(body["baseModelId"])})
    return path, [*base, {"referenceModel": path}]


def _supported(v2: V2, name: str) -> tuple[str, list[Query]]:
    """The same of a base model, by its name."""
    try:
        path = hardware.base_model(v2.seldom(hardware.MODELS_PATH, search=name), name, v2.project())
    except Absent:  # without a catalogue, configs are asked for by the name
        path = hardware.model_path(v2.project(), name)
    if path is None:
        raise Permanent(f"the platform's catalogue has no model {name} that can be served", code="not_servable")
    return path, [{"referenceModel": path}]
