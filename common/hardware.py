"""What Together's catalogue (v2) says of the hardware that serves a model, and its price: answers in, our words out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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


def model_path(project: str, model: str) -> str:
    """The platform's path of a model in a project's registry."""
    return f"projects/{project}/models/{model}"


def base_model(models: Items, name: str, project: str) -> str | None:
    """The path of a base model in the platform's catalogue; None where that does not have it."""
    for item in models:
        if item.get("name") == name and (item.get("baseModel") or item.get("baseModelId")):
            return str(item.get("baseModel") or model_path(project, str(item["baseModelId"])))
    return None


def configs(listed: Items, kinds: Sequence[Mapping[str, Any]], project: str) -> Iterator[Config]:
    """With the prices of `kinds` of hardware; one that does not say whose it is is of `project`."""
    for config in listed:
        if config.get("id"):
            owner = config.get("projectId") or _owner(config.get("referenceModel")) or project
            hardware, cents = _hardware(config, kinds)
            yield Config(f"projects/{owner}/configs/{config['id']}", hardware, cents)


def _hardware(config: Mapping[str, Any], kinds: Sequence[Mapping[str, Any]]) -> tuple[str, float | None]:
    """A config's hardware as the price list names it, and cents a minute where that has it."""
    selectors = {str(one.get("key")): str(one.get("value")) for one in config.get("selectors") or []}
    gpu, count = selectors.get("accelerator_type", ""), selectors.get("accelerator_count", "1")
    named = {f"{count}x{gpu}", *selectors.values(), str(config.get("hardware") or "")}
    for kind in [*_by_name(kinds, named), *_by_gpu(kinds, gpu, count)]:
        if kind.get("priceCentsPerHour"):
            return str(kind.get("name") or kind.get("id")), float(kind["priceCentsPerHour"]) / 60
    return (f"{count}x{gpu}" if gpu else " ".join(selectors.values())) or str(config["id"]), None


def _by_name(kinds: Sequence[Mapping[str, Any]], named: set[str]) -> Iterator[Mapping[str, Any]]:
    return (kind for kind in kinds if named & {kind.get("name"), kind.get("id")} - {None, ""})


def _by_gpu(kinds: Sequence[Mapping[str, Any]], gpu: str, count: str) -> list[Mapping[str, Any]]:
    """The dearest first: a price that is a guess must not be too low."""
    fits = [
        kind
        for kind in kinds
        if kind.get("gpuType")
        and str(kind["gpuType"]).casefold() in gpu.casefold()
        and str(kind.get("gpuCount")) == count
    ]
    return sorted(fits, key=lambda kind: -float(kind.get("priceCentsPerHour") or 0))


def _owner(path: Any) -> str:
    parts = str(path or "").split("/")
    return parts[1] if parts[0] == "projects" and len(parts) > 1 else ""
