"""The registry of models, the configs that can serve them, and the hardware those run on, as v2 names them."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from .errors import PlatformError
from .limits import MODELS, BaseModel
from .run import ACCOUNT, Run
from .runs import Runs

PROJECT = "proj-sandbox"
#: the project that owns the public models and configs
PUBLIC = "proj-public"
#: a small model fits on one of these, a large one on several; cheapest last, so that order does not help who picks
SMALL = ("1xnvidia-h200-141gb", "1xnvidia-h100-80gb", "1xnvidia-a100-80gb")
LARGE = ("4xnvidia-h100-80gb", "2xnvidia-h200-141gb")
LARGE_FROM = 20_000_000_000  #: parameters
#: fine-tuned, but nothing is certified to serve it: so it is with several `-Reference` models
UNSERVED = frozenset({"meta-llama/Meta-Llama-3.1-70B-Instruct-Reference", "mistralai/Mistral-7B-Instruct-v0.2"})


def _mark(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class InstanceType:
    """Hardware that one replica can run on."""

    name: str
    gpu: str
    count: int
    memory: int  #: GiB of each GPU
    cents_per_hour: int

    @property
    def id(self) -> str:
        return "it_" + _mark(self.name)


INSTANCES = {
    one.name: one
    for one in (
        InstanceType("1xnvidia-a100-80gb", "A100", 1, 80, 240),
        InstanceType("1xnvidia-h100-80gb", "H100", 1, 80, 399),
        InstanceType("1xnvidia-h200-141gb", "H200", 1, 141, 499),
        InstanceType("2xnvidia-h200-141gb", "H200", 2, 141, 998),
        InstanceType("4xnvidia-h100-80gb", "H100", 4, 80, 1596),
    )
}


@dataclass(frozen=True)
class Registered:
    """A model of the registry: a base model, or what a run made of one."""

    id: str
    base: BaseModel
    run: Run | None = None

    @property
    def project(self) -> str:
        return PUBLIC if self.run is None else PROJECT

    @property
    def path(self) -> str:
        return f"projects/{self.project}/models/{self.id}"

    @property
    def pinned(self) -> str:
        return f"{self.path}/revisions/rv_{self.id[3:]}"


def base_id(name: str) -> str:
    """The registry id of a base model."""
    return "ml_" + _mark(f"base {name}")


BASES = {base_id(name): model for name, model in MODELS.items()}


def registered(reference: Any, runs: Runs, now: float) -> Registered:
    """A model by its id or its path, with or without a revision; 404 for what is not in the registry (yet)."""
    model_id = str(reference or "").split("/revisions/")[0].rsplit("/", 1)[-1]
    if model_id in BASES:
        return Registered(model_id, BASES[model_id])
    run = runs.by_output(model_id) if model_id.startswith("ml_") else None
    if run is None or run.completed_at(now) is None or run.plan == "unregistered":
        raise PlatformError(404, f"model {reference!r} not found", "not_found", "model")
    return Registered(run.object_id, MODELS[run.request["model"]], run)


def config_id(base: BaseModel, hardware: str) -> str:
    return "cr_" + _mark(f"{base.name} {hardware}")


def hardware_of(base: BaseModel) -> tuple[str, ...]:
    """What serves a base model and its fine-tunes; nothing for some."""
    if base.name in UNSERVED:
        return ()
    return LARGE if base.params >= LARGE_FROM else SMALL


def instance_of(config: Any, base: BaseModel) -> InstanceType | None:
    """The hardware of a config (its id or path), where it goes with the base model."""
    wanted = str(config or "").rsplit("/", 1)[-1]
    return next((INSTANCES[name] for name in hardware_of(base) if config_id(base, name) == wanted), None)


def configs(base: BaseModel) -> list[dict[str, Any]]:
    """What `GET projects/{p}/configs` says of a reference model."""
    return [_config(base, INSTANCES[name]) for name in hardware_of(base)]


def _config(base: BaseModel, instance: InstanceType) -> dict[str, Any]:
    path = f"projects/{PUBLIC}/models/{base_id(base.name)}"
    certified = {
        "certificationType": "CERTIFICATION_TYPE_CERTIFIED",
        "certifiedAt": "2026-01-01T00:00:00.000Z",
        "certifiedBy": "sandbox",
        "model": path,
        "modelRevisionId": f"rv_{base_id(base.name)[3:]}",
        "target": "CERTIFICATION_TARGET_MRE",
    }
    accelerator = instance.name.partition("x")[2]
    return {
        "id": config_id(base, instance.name),
        "projectId": PUBLIC,
        "referenceModel": path,
        "referenceModelId": base_id(base.name),
        "certifications": [certified],
        "selectors": [
            {"key": "accelerator_type", "value": accelerator},
            {"key": "accelerator_count", "value": str(instance.count)},
        ],
    }


def instance_types() -> list[dict[str, Any]]:
    """What `GET public/inference-instance-types` lists."""
    return [
        {
            "id": one.id,
            "name": one.name,
            "description": f"{one.count} x {one.gpu} with {one.memory} GiB",
            "gpuCount": one.count,
            "gpuMemoryGib": one.memory,
            "gpuType": one.gpu,
            "priceCentsPerHour": one.cents_per_hour,
            "regions": [{"name": "local", "headroom": {"relation": "RELATION_GTE", "value": 8}}],
        }
        for one in INSTANCES.values()
    ]


def model_view(model: Registered) -> dict[str, Any]:
    """What `GET projects/{p}/models/{id}` says."""
    base = base_id(model.base.name)
    tuned = model.run is not None
    return {
        "id": model.id,
        "name": model.base.name if model.run is None else model.run.output_name,
        "organizationId": "org-sandbox",
        "projectId": model.project,
        "visibility": "VISIBILITY_PRIVATE",
        "weights": {"architecture": "transformer", "parameterCount": str(model.base.params)},
        **({"baseModel": f"projects/{PUBLIC}/models/{base}", "baseModelId": base} if tuned else {}),
    }


def supported_view(model: BaseModel) -> dict[str, Any]:
    """An entry of `GET supported-models`."""
    name_id = base_id(model.name)
    return {
        "id": name_id,
        "name": model.name,
        "baseModel": f"projects/{PUBLIC}/models/{name_id}",
        "baseModelId": name_id,
        "capabilities": ["CAPABILITY_CHAT"],
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.000Z",
        "deploymentProfiles": [_profile(model, INSTANCES[name]) for name in hardware_of(model)],
        "displayName": model.name.rsplit("/", 1)[-1].replace("-", " "),
        "displayType": "chat",
        "inputModalities": ["MODALITY_TEXT"],
        "outputModalities": ["MODALITY_TEXT"],
        "products": ["PRODUCT_DEDICATED", "PRODUCT_FINE_TUNING"] if model.trainable else ["PRODUCT_SERVERLESS"],
        "publisher": model.name.split("/", 1)[0],
        "status": "SUPPORTED_MODEL_STATUS_SUPPORTED",
    }


def _profile(model: BaseModel, instance: InstanceType) -> dict[str, Any]:
    config, revision = config_id(model, instance.name), f"rv_{base_id(model.name)[3:]}"
    return {
        "certifiedConfigRevisionId": config,
        "certifiedModelRevisionId": revision,
        "config": f"projects/{PUBLIC}/configs/{config}",
        "gpuCount": instance.count,
        "gpuType": instance.gpu,
        "model": f"projects/{PUBLIC}/models/{base_id(model.name)}/revisions/{revision}",
        "modelName": model.name,
        "parallelism": f"TP{instance.count}",
        "performanceBenchmarks": {},
        "profileId": config,
        "quantization": "",
    }


def slug_of(name: str) -> str:
    """A bare name, of one that may bear the account's slug."""
    return name.removeprefix(f"{ACCOUNT}/")
