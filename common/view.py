"""A job as JSON, as people and programs rely on it (contract: a job in JSON)."""

from __future__ import annotations

from typing import Any

from common.bills import bill
from common.job import Job, iso
from common.money import usd
from common.waiting import held, waiting


def job_json(job: Job, *, created: bool = True) -> dict[str, Any]:
    """The job's JSON. `created` is false where a submit found the job under its key."""
    facts = job.facts
    shown: dict[str, Any] = {
        "job": job.id,
        "name": job.name,
        "batch": job.batch or None,
        "priority": job.priority,
        "state": str(job.state),
        "created": created,
        "attempt": job.attempt,
        "waiting": waiting(job),
        "held": held(job),
        "platform": {
            "file_id": facts.get("file_id"),
            "run_id": facts.get("run_id"),
            "output_name": facts.get("output_name"),
            "status": facts.get("status"),
            "progress": facts.get("progress"),
            "endpoint_id": facts.get("endpoint_id"),
        },
        "deployment": job.deployment,
        "error": job.error,
        "created_at": iso(job.created),
        "updated_at": iso(job.updated),
        "deadline_at": iso(job.deadline),
        "key": job.key or None,
        "work": _work(job),
        "scores": facts.get("scores"),
        "unavailable": facts.get("unavailable"),
        "baseline": facts.get("baseline"),
        "comparison": facts.get("comparison"),
        "shares_run_of": facts.get("payer"),
        "cost": _cost(job),
    }
    if job.spec_json is not None:
        shown["spec"] = job.spec_json
        for name in ("counts", "training", "hints", "results"):
            shown[name] = facts.get(name)
    return shown


def _cost(job: Job) -> dict[str, Any]:
    """In dollars; `spent_usd` is by the platform's price, with `estimated` (partly) by the estimate."""
    whole = bill(job)
    expected = job.facts.get("estimate")
    return {
        "estimate_usd": usd(int(expected)) if expected else None,
        "reserved_usd": usd(whole.under_way),
        "spent_usd": usd(whole.training),
        "estimated": bool(whole.estimated),
        "endpoints_usd": usd(whole.endpoints),
        "endpoint_minutes": whole.minutes,
    }


def _work(job: Job) -> dict[str, Any] | None:
    """How far the stage at work is, in its own units."""
    done, total = job.facts.get("done"), job.facts.get("total")
    return {"stage": job.stage, "done": int(done), "total": int(total)} if done and total else None
