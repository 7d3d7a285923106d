"""cancel: ends a job that somebody wishes cancelled, or that is past its deadline; its run on the platform too."""

from __future__ import annotations

from common.job import Job
from common.outcomes import Outcome, Reject, Snooze
from common.states import JobState, reached
from worker.ports import Absent, Desk, Platform, Ports, RunStatus
from worker.stages.finetune import LOOK_AGAIN_S, spent_runs, while_in_doubt
from worker.stages.share import fingerprint

ENDING = frozenset({"cancel_requested", "cancelling", "canceling"})  #: the platform has taken the wish


def cancel(job: Job, ports: Ports, desk: Desk) -> Outcome:
    """Stops every run that bears the job's marker, and looks again until the platform reads so."""
    if not reached(job.state, JobState.TRAINED):
        waits = _stop_runs(job, ports, desk)
        if waits is not None:
            return waits
    facts = _cost(job, ports.platform)
    if job.wish:
        return Reject("cancelled", code="cancelled", to=JobState.CANCELLED, facts=facts)
    return Reject(
        f"the deadline of {job.spec.limits.deadline} went by while the job was {job.state}",
        code="deadline",
        resume=JobState.UPLOADED if job.state is JobState.TRAINING else None,
        facts=facts,
    )


def _cost(job: Job, platform: Platform) -> dict[str, int]:
    """What the platform says of a run that was stopped half-way: the steps that it took are paid."""
    if not job.run_id or job.facts.get("payer") or job.facts.get("price"):
        return {}
    try:
        price = platform.run(job.run_id).price
    except Absent:
        return {}
    return {"price": price} if price else {}


def _stop_runs(job: Job, ports: Ports, desk: Desk) -> Outcome | None:
    running = _running(job, ports.platform)
    if running and job.run_id and desk.leave_run(fingerprint(job, ports), job.run_id) is not None:
        return None  # others train by it
    for run_id in running:
        ports.platform.stop_run(run_id)
        desk.note(status="cancel_requested")
    if running and _running(job, ports.platform):
        return Snooze(LOOK_AGAIN_S, "the platform has not yet cancelled the run")
    if job.facts.get("intent") and not job.run_id and not running:
        return while_in_doubt(job, ports, desk, "a run may yet appear on the platform")
    return None


def _running(job: Job, platform: Platform) -> list[str]:
    """The job's runs that still cost money, and were not yet asked to stop."""
    if not job.run_id and not job.facts.get("intent"):
        return []
    if job.run_id:
        try:
            found = [platform.run(job.run_id)]
        except Absent:
            found = []
    else:
        spent = spent_runs(job)
        found = [run for run in platform.runs() if run.suffix == job.marker and run.id not in spent]
    return [run.id for run in found if run.status is RunStatus.ACTIVE and run.word not in ENDING]
