"""Before an `auto` job's run is paid: that something can serve what it makes, and on what its spec asks for."""

from __future__ import annotations

from common.errors import Permanent
from common.job import Job
from common.outcomes import Outcome, Reject
from worker.endpoints.choice import choose
from worker.ports import Desk, Ports, Request


def servable(job: Job, request: Request, ports: Ports, desk: Desk) -> Outcome | None:
    """A tuned model is served as its base model is; some are fine-tuned and then served by nothing."""
    spec = job.spec
    wanted = spec.deploy
    if wanted.mode != "auto" or wanted.preflight is False or job.deployment:
        return None
    model = spec.finetune.model
    try:
        choose(
            ports.catalog.offers(model, base=True), model, config=wanted.config or "", hardware=wanted.hardware or ""
        )
    except Permanent as exc:
        words = f"nothing was paid: {exc.message}; deploy.preflight: false pays all the same"
        return Reject(words, code=exc.code)
    return None
