"""Who asks, which models there are, and what hardware could be rented."""

from typing import Any

from aiohttp import web

from .clock import iso
from .core import platform
from .errors import answer
from .limits import MODELS, BaseModel
from .run import ACCOUNT
from .run_views import USER_ID

WHOAMI = {
    "api_key_id": "key-sandbox",
    "organization_id": "org-sandbox",
    "organization_name": "Sandbox",
    "project_id": "proj-sandbox",
    "project_name": "Sandbox",
    "project_slug": ACCOUNT,
    "user_id": USER_ID,
}
#: GPU, how many, memory of each (GB), link, cents a minute
HARDWARE = (
    ("a100", 1, 80.0, "sxm", 4.0),
    ("h100", 1, 80.0, "sxm", 6.65),
    ("h100", 2, 80.0, "sxm", 13.3),
    ("h100", 4, 80.0, "sxm", 26.6),
    ("h200", 1, 141.0, "sxm", 8.32),
)


async def whoami(request: web.Request) -> web.Response:
    """The key's owner and project."""
    return answer(WHOAMI)


async def models(request: web.Request) -> web.Response:
    """The base models, a plain list."""
    return answer([_model(model) for model in MODELS.values()])


def _model(model: BaseModel) -> dict[str, Any]:
    price = model.usd_per_million
    return {
        "id": model.name,
        "object": "model",
        "created": 1_720_000_000,
        "type": "chat",
        "context_length": model.context,
        "display_name": model.name.rsplit("/", 1)[-1].replace("-", " "),
        "license": "",
        "link": f"https://huggingface.co/{model.name}",
        "organization": model.name.split("/", 1)[0],
        "running": not model.trainable,
        "pricing": {
            "base": 0,
            "cached_input": 0,
            "finetune": price,
            "hourly": 0,
            "input": 0.2,
            "output": 0.2,
        },
    }


async def hardware(request: web.Request) -> web.Response:
    """What can be rented, all of it available."""
    now = iso(platform(request).clock.now())
    return answer({"object": "list", "data": [_hardware(*item, now) for item in HARDWARE]})


def _hardware(gpu: str, count: int, memory: float, link: str, cents: float, now: str) -> dict[str, Any]:
    return {
        "object": "hardware",
        "id": f"{count}x_nvidia_{gpu}_{memory:.0f}gb_{link}",
        "pricing": {"cents_per_minute": cents},
        "specs": {"gpu_type": gpu, "gpu_count": count, "gpu_memory": memory, "gpu_link": link},
        "availability": {"status": "available"},
        "updated_at": now,
    }


def routes(prefix: str) -> list[web.RouteDef]:
    """The routes under a prefix."""
    return [
        web.get(f"{prefix}/whoami", whoami),
        web.get(f"{prefix}/models", models),
        web.get(f"{prefix}/hardware", hardware),
    ]
