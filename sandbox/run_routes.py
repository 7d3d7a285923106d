"""HTTP of the fine-tuning runs."""

from datetime import datetime
from typing import Any

from aiohttp import web

from . import run_events, run_views
from .core import Sandbox, action_of, platform
from .create import NOT_READY, complete, counted, ready_file, trainable
from .errors import PlatformError, answer, json_object
from .files import StoredFile
from .limits import estimated, limits_of, no_estimate, tokens_in
from .run import Run


async def limits(request: web.Request) -> web.Response:
    """What may be asked of a model's training."""
    name = request.query.get("model_name", "")
    return answer(limits_of(trainable(name, platform(request).runs)))


async def estimate_price(request: web.Request) -> web.Response:
    """What a run would cost; without a validated file there is no estimate."""
    parts, asked = platform(request), await json_object(request)
    model = trainable(asked.get("model") or asked.get("from_checkpoint"), parts.runs)
    try:
        file = parts.files.get(str(asked.get("training_file")))
    except PlatformError as exc:
        raise PlatformError(400, exc.message, "file_not_found", "training_file") from exc
    status = file.status(parts.clock.now())
    if status != "COMPLETED":
        return answer(no_estimate(NOT_READY.get(status, "train_file_not_validated")))
    epochs, evals = int(asked.get("n_epochs") or 1), int(asked.get("n_evals") or 0)
    eval_tokens = tokens_in(_validation_size(parts, asked)) if asked.get("validation_file") else 0
    return answer(estimated(model, tokens_in(file.size), eval_tokens, epochs, evals))


def _validation_size(parts: Sandbox, asked: dict[str, Any]) -> int:
    return ready_file(asked["validation_file"], parts.files, parts.clock.now(), "validation_file").size


async def create(request: web.Request) -> web.Response:
    """The paid request: makes a run."""
    parts, asked, action = platform(request), await json_object(request), action_of(request)
    model = trainable(_base_name(asked), parts.runs)
    file = _files_of(parts, asked)
    wanted = complete(asked, model)
    run = parts.runs.create(
        wanted,
        counted(file, wanted, model),
        plan=action.get("run", "ok"),
        message=action.get("message"),
        lag=action.get("lag", 0),
    )
    return answer(run_views.truncated(run, parts.clock.now()))


def _base_name(asked: dict[str, Any]) -> str:
    """The model to train: named, or that of a checkpoint `run or output name[:step]`."""
    return str(asked.get("model") or str(asked.get("from_checkpoint") or "").split(":")[0])


def _files_of(parts: Sandbox, asked: dict[str, Any]) -> StoredFile:
    """The training file; the validation file, where there is one, must be ready too."""
    now = parts.clock.now()
    if asked.get("validation_file"):
        ready_file(asked["validation_file"], parts.files, now, "validation_file")
    return ready_file(asked.get("training_file"), parts.files, now)


async def list_all(request: web.Request) -> web.Response:
    """All runs, truncated, no paging."""
    body = platform(request).runs.listing()
    return web.Response(body=body, content_type="application/json", charset="utf-8")


async def retrieve(request: web.Request) -> web.Response:
    """One run in full."""
    run, now = _run_and_now(request)
    return answer(run_views.full(run, now, run_events.events(run, now)))


async def events(request: web.Request) -> web.Response:
    """A run's events."""
    return answer({"data": run_events.events(*_run_and_now(request))})


async def checkpoints(request: web.Request) -> web.Response:
    """A run's checkpoints."""
    return answer({"data": run_events.checkpoints(*_run_and_now(request))})


async def metrics(request: web.Request) -> web.Response:
    """A run's metrics, narrowed by step and time, thinned to `resolution` points."""
    run, now = _run_and_now(request)
    least, most = _number(request, "global_step_from", 0), _number(request, "global_step_to", float("inf"))
    begin, end = _time(request, "logged_at_from", 0), _time(request, "logged_at_to", float("inf"))
    points = [
        point
        for point in run_events.metrics(run, now)
        if least <= point["global_step"] <= most and begin <= run_events.logged_at(run, point) <= end
    ]
    wanted = int(_number(request, "resolution", len(points)))
    if 0 < wanted < len(points):
        points = [points[place * len(points) // wanted] for place in range(wanted)]
    return answer({"metrics": points})


def _number(request: web.Request, name: str, default: float) -> float:
    try:
        return float(request.query.get(name, default))
    except ValueError as exc:
        raise PlatformError(400, f"{name} must be a number", param=name) from exc


def _time(request: web.Request, name: str, default: float) -> float:
    if name not in request.query:
        return default
    try:
        return datetime.fromisoformat(request.query[name]).timestamp()
    except ValueError as exc:
        raise PlatformError(400, f"{name} must be a time in ISO 8601", param=name) from exc


async def cancel(request: web.Request) -> web.Response:
    """Ask for the end of a run."""
    parts = platform(request)
    run = parts.runs.cancel(request.match_info["id"])
    return answer(run_views.truncated(run, parts.clock.now()))


async def delete(request: web.Request) -> web.Response:
    """Forget a run and its checkpoints."""
    run_id = request.match_info["id"]
    platform(request).runs.delete(run_id, force=request.query.get("force", "").lower() == "true")
    return answer({"message": f"Fine-tune job {run_id} deleted"})


def _run_and_now(request: web.Request) -> tuple[Run, float]:
    parts = platform(request)
    return parts.runs.get(request.match_info["id"]), parts.clock.now()


def routes(prefix: str) -> list[web.RouteDef]:
    """The routes under a prefix; the fixed paths before those with an id."""
    base = f"{prefix}/fine-tunes"
    return [
        web.get(f"{base}/models/limits", limits),
        web.post(f"{base}/estimate-price", estimate_price),
        web.post(base, create),
        web.get(base, list_all),
        web.get(f"{base}/{{id}}", retrieve),
        web.get(f"{base}/{{id}}/events", events),
        web.get(f"{base}/{{id}}/metrics", metrics),
        web.get(f"{base}/{{id}}/checkpoints", checkpoints),
        web.post(f"{base}/{{id}}/cancel", cancel),
        web.delete(f"{base}/{{id}}", delete),
    ]
