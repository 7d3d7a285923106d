"""deploy: the tuned model gets a name that answers: registered by a person, found, or an endpoint of our own."""

from __future__ import annotations

from common.errors import HintrelayError, Transient
from common.job import Job
from common.outcomes import Advance, Outcome, Reject, Snooze
from common.states import JobState
from worker.expenses import Held, paying
from worker.ports import Desk, Ports

FAR_S = 3600.0  #: whoever registers a name, finds one, or gets an endpoint ready, wakes the job
SETTLES_S = 5.0  #: an endpoint that is ready may take some seconds until requests are led to it
FIRST_S, LONGEST_S = 5.0, 300.0  #: a name that does not answer is asked again after these


def deploy(job: Job, ports: Ports, desk: Desk) -> Outcome:
    """A name counts once it has answered a request for one token. Nothing waits here: the tick looks after the rest."""
    if job.deployment:
        if job.facts.get("held"):  # for want of money for an endpoint, which it needs no more
            desk.note(held=None, wants=None)
        return _named(job, job.deployment, ports)
    match job.spec.deploy.mode:
        case "auto":
            return _own(job, ports, desk)
        case "detect":
            _model(job, ports, desk)
            desk.seek()
            return Snooze(FAR_S, f"no endpoint serves {job.facts.get('output_name')} yet")
    return Snooze(FAR_S, "nobody has registered a name yet")


def _named(job: Job, name: str, ports: Ports) -> Outcome:
    """The name stays, and is asked again, less and less often, until another one is registered or the deadline."""
    try:
        ports.catalog.answers(name)
    except HintrelayError as exc:
        if exc.code == "authentication":
            raise
        times = int(job.facts.get("refused") or 0) + 1
        after_s = exc.after_s if isinstance(exc, Transient) else None
        wait_s = max(after_s or 0.0, min(FIRST_S * 2 ** (times - 1), LONGEST_S))
        facts = {"refusal": exc.message, "refused": times}
        return Snooze(wait_s, f"{name} does not answer: {exc.message}", facts)
    return Advance(JobState.DEPLOYED, {"deployment": name, "refusal": None, "refused": None})


def _model(job: Job, ports: Ports, desk: Desk) -> str:
    """The tuned model's id in the platform's registry, empty where it has none: the list of runs does not tell it."""
    known = job.facts.get("object_id")
    enough = job.facts.get("adapter_id") or job.spec.deploy.mode != "detect"  # what is looked for may serve the adapter
    if (known and enough) or job.run_id is None:
        return str(known or "")
    run = ports.platform.run(job.run_id)
    found = {"object_id": run.object_id, "adapter_id": run.adapter_id}
    if any(found.values()):
        desk.note(**{name: value for name, value in found.items() if value})
    return run.object_id or str(known or "")


def _own(job: Job, ports: Ports, desk: Desk) -> Outcome:
    model = _model(job, ports, desk)
    if not model:
        words = "the platform put the model into no registry, so that no endpoint of its can serve it"
        return Reject(f"{words}; a name can still be registered, and then: hintrelay retry", code="not_servable")
    try:
        standing = desk.endpoint(model, paying(job, ports, desk, model, base=False))
    except Held as exc:
        return Snooze(FAR_S, str(exc))
    if standing.fault is not None:
        raise standing.fault
    if not standing.address:
        return Snooze(FAR_S, standing.sentence)
    try:
        ports.catalog.answers(standing.address)
    except HintrelayError as exc:
        return Snooze(SETTLES_S, f"its endpoint {standing.name} is ready but does not answer yet: {exc.message}")
    facts = {"deployment": standing.address, "endpoint_id": standing.endpoint_id}
    return Advance(JobState.DEPLOYED, facts)
