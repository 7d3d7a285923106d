"""What Together's catalogue (v2) says of the hardware that serves a model, and its price: answers in, our words out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PRICES_PATH = "/public/inference-instance-types"
MODELS_PATH = "/supported-models"  #: with `search`, a base model's name
Items = Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Config:
    """One way to serve a model."""

    path: str
    hardware: str
    cents_per_minute: float | None  #: None: the platform lists no price of that hardware

    def fits(self, config: str, hardware: str) -> bool:
        """Whether it is what a spec asks for; '' asks for nothing."""
        if config:
            return self.path.rsplit("/", 1)[-1] == config.rsplit("/", 1)[-1]
        return hardware in {"", self.hardware}


def base_model(models: Items, name: str) -> tuple[str, str] | None:
    """(path of a base model, the id of the model that configs are made for)."""
    for item in models:
        if item.get("name") == name and item.get("baseModelId"):
            return str(item.get("baseModel")), str(item["baseModelId"])
    return None


def prices(listed: Items) -> dict[str, float]:
    """Cents a minute of each hardware."""
    return {
        str(one.get("name")): float(one["priceCentsPerHour"]) / 60 for one in listed if one.get("priceCentsPerHour")
    }


def configs(listed: Items, cents: Mapping[str, float]) -> Iterator[Config]:
    for config in listed:
        selectors = {one.get("key"): one.get("value") for one in config.get("selectors") or []}
        hardware = f"{selectors.get('accelerator_count')}x{selectors.get('accelerator_type')}"
        where = f"projects/{config.get('projectId')}/configs/{config.get('id')}"
        yield Config(where, hardware, cents.get(hardware))
