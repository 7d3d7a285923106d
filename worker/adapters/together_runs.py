"""The platform's words about a run into ours."""

from __future__ import annotations

import math
import re
import time
from typing import Any, TypeGuard

import structlog

from common.money import of_nanos
from worker.ports import Run, RunStatus

log = structlog.get_logger(__name__)

MOST_POINTS = 300  #: of a run's losses; a curve on a page has no room for more

LONGEST_LEFT_S = 30 * 86_400.0  #: an estimate above that is none

#: Source: together 2.36.0, types/fine_tuning FinetuneJobStatus; `user_error` is in the SDK's library only.
STATUS = {
    "pending": RunStatus.ACTIVE,
    "queued": RunStatus.ACTIVE,
    "running": RunStatus.ACTIVE,
    "compressing": RunStatus.ACTIVE,
    "uploading": RunStatus.ACTIVE,
    "cancel_requested": RunStatus.ACTIVE,
    "completed": RunStatus.DONE,
    "error": RunStatus.FAILED,
    "user_error": RunStatus.FAILED,
    "cancelled": RunStatus.CANCELLED,
}
#: events that say why a run ended, the most telling first
_TELLING = ("job_error", "billing_limit", "job_stopped", "warning")


def run_from(item: dict[str, Any]) -> Run:
    """A Run from an object of GET /fine-tunes or /fine-tunes/{id}; what is absent there stays empty."""
    word = str(item.get("status") or "")
    status = STATUS.get(word)
    if status is None:  # a new word of the platform's must not end a paid run
        log.warning("run_status_unknown", run_id=item["id"], status=word)
        status = RunStatus.ACTIVE
    told = item.get("events")
    events = [event for event in told if isinstance(event, dict)] if isinstance(told, list) else []
    price = item.get("total_price")
    return Run(
        id=item["id"],
        status=status,
        word=word,
        suffix=str(item.get("suffix") or ""),
        model=str(item.get("model") or ""),
        training_file=str(item.get("training_file") or ""),
        created=str(item.get("created_at") or ""),
        output_name=str(item.get("model_output_name") or item.get("output_name") or ""),
        object_id=str(item.get("model_object_id") or ""),
        adapter_id=str(item.get("adapter_object_id") or ""),
        price=of_nanos(price) if isinstance(price, (int, float)) and price > 0 else None,
        words=(_words(events) or _own_words(item)) if status is not RunStatus.ACTIVE else "",
        restarted_as=_restarted_as(events, item["id"]),
        progress=_progress(item),
    )


def mark_of(item: dict[str, Any]) -> tuple[object, ...]:
    """What tells that a listed run has changed. Not the seconds it still takes: those change at every look."""
    return (item.get("status"), item.get("model_output_name"), item.get("epochs_completed"), item.get("queue_depth"))


def _progress(item: dict[str, Any]) -> dict[str, Any]:
    """What the platform tells of an active run; `next_state_at` is in s since 1970."""
    left = seconds_left(item.get("progress"))
    seen = {
        "epochs": item.get("epochs_completed"),
        "epochs_total": item.get("n_epochs"),
        "queue_depth": item.get("queue_depth") or None,
        "next_state_at": round(time.time() + left) if left else None,
    }
    return {name: value for name, value in seen.items() if isinstance(value, (int, float))}


def seconds_left(progress: object) -> float | None:
    """How long a run stays in its present state, where the platform estimates it."""
    if not isinstance(progress, dict) or not progress.get("estimate_available"):
        return None
    left = progress.get("seconds_remaining")
    return float(left) if isinstance(left, (int, float)) and 0 < left < LONGEST_LEFT_S else None


def _words(events: list[dict[str, Any]]) -> str:
    by_type = {str(event.get("type", "")).lower(): event for event in events}
    for kind in _TELLING:
        if kind in by_type and by_type[kind].get("message"):
            return str(by_type[kind]["message"])[:1000]
    failed = [event for event in events if str(event.get("level", "")).lower() == "error" and event.get("message")]
    last = failed or [event for event in events if event.get("message")]
    return str(last[-1]["message"])[:1000] if last else ""


def _own_words(item: dict[str, Any]) -> str:
    for name in ("error", "failure_reason", "status_message", "message"):
        value = item.get(name)
        if isinstance(value, dict):
            value = value.get("message")
        if isinstance(value, str) and value:
            return value[:1000]
    return ""


def _restarted_as(events: list[dict[str, Any]], run_id: str) -> str:
    """The id under which the platform goes on with a run, from its event log."""
    for event in reversed(events):
        if str(event.get("type", "")).lower() != "job_restarted":
            continue
        text = " ".join(str(event.get(name) or "") for name in ("new_job_id", "message", "model_path", "data"))
        others = [found for found in re.findall(r"\bft-[A-Za-z0-9-]{6,}", text) if found != run_id]
        if others:
            return str(others[-1])
    return ""


def losses_from(points: Any) -> dict[str, list[list[float]]]:
    """`train` and `eval`, each [step, loss], of the platform's flat points; what is odd is left out."""
    found: dict[str, list[list[float]]] = {"train": [], "eval": []}
    for point in points if isinstance(points, list) else []:
        if isinstance(point, dict) and _finite(step := point.get("global_step")):
            for name, line in found.items():
                if _finite(loss := point.get(f"{name}/loss")):
                    line.append([float(step), float(loss)])
    return {name: sorted(line) for name, line in found.items()}


def _finite(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
