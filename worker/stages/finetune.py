"""finetune: the paid call. Intent first, find before create, asked once: at most one run is kept."""

from __future__ import annotations

from common.errors import HintrelayError
from common.job import Job
from common.outcomes import Advance, Outcome, Snooze
from common.states import JobState
from worker.ports import Absent, Desk, InDoubt, Platform, Ports, Run, RunStatus
from worker.stages.admission import admit
from worker.stages.share import fingerprint

LOOK_AGAIN_S = 5.0


def finetune(job: Job, ports: Ports, desk: Desk) -> Outcome:
    """Adopt the run that an earlier attempt made, or pay for one."""
    job_spent = spent_runs(job)
    kept = _earlier(job, ports.platform)
    if kept is not None:
        return _training(kept.id, kept.word, **({} if job.facts.get("payer") else _paid(job)))
    if job.run_id:  # it ended badly, and somebody wants another one: what it was stays known as spent
        desk.settle()
        desk.note(spent_runs=job_spent, run_id=None, status=None, progress=None, price=None, payer=None, paid=None)
    if job.facts.get("intent"):
        found = find_run(job.marker, job_spent, ports.platform, desk)
        if found is not None:
            return _begun(job, ports, desk, found.id, found.word)
        waits = while_in_doubt(job, ports, desk, "it is not yet sure whether the platform has begun a run")
        if waits is not None:
            return waits
    return _pay(job, ports, desk)


def _pay(job: Job, ports: Ports, desk: Desk) -> Outcome:
    request = ports.platform.run_request(job.spec.finetune, job.facts["file_id"], job.marker)
    refusal = admit(job, request, ports, desk)
    if refusal is not None:
        return refusal
    try:
        run_id = ports.platform.start_run(request)
    except InDoubt as exc:  # the intent stays: the next attempt looks before it asks again
        if exc.after_s is None:
            raise
        return Snooze(max(exc.after_s, LOOK_AGAIN_S), f"{exc.message}; a run is looked for before it is asked again")
    except HintrelayError:
        desk.note(intent=None)  # the platform refused: nothing was begun
        raise
    return _begun(job, ports, desk, run_id, "pending")


def _begun(job: Job, ports: Ports, desk: Desk, run_id: str, word: str) -> Outcome:
    """The run is there, and this job pays for it: those that share it are told."""
    mark = fingerprint(job, ports)
    if mark is not None:
        desk.begun(mark, run_id)
    return _training(run_id, word, **_paid(job))


def _paid(job: Job) -> dict[str, str]:
    """When it was paid for, in s since 1970; where the platform tells no price, the estimate counts."""
    return {"paid": str(job.facts.get("paid") or job.now // 1000)}


def while_in_doubt(job: Job, ports: Ports, desk: Desk, why: str) -> Snooze | None:
    """Wait and look again, as long as a run that was asked for may yet appear in the platform's list."""
    left_s = ports.doubt_s - (desk.now_s() - float(job.facts["intent"]))
    return Snooze(min(LOOK_AGAIN_S, left_s), f"{why}; one is looked for") if left_s > 0 else None


def _training(run_id: str, word: str, **facts: str) -> Outcome:
    return Advance(JobState.TRAINING, {"run_id": run_id, "status": word, "intent": None, **facts})


def _earlier(job: Job, platform: Platform) -> Run | None:
    """The run on the record, where it can still lead to a model: `retry` must not pay for what is there."""
    if not job.run_id:
        return None
    try:
        run = platform.run(job.run_id)
    except Absent:
        return None
    return run if run.status in {RunStatus.ACTIVE, RunStatus.DONE} else None


def spent_runs(job: Job) -> list[str]:
    """Runs of this job that ended badly, or were given up: never adopted again."""
    spent = list(job.facts.get("spent_runs") or [])
    return [*spent, job.run_id] if job.run_id and job.run_id not in spent else spent


def find_run(marker: str, spent: list[str], platform: Platform, desk: Desk) -> Run | None:
    """The run that bears the job's marker; the best of several, the others cancelled.

    One that failed is taken too: it was paid for, and its reason is the job's. One that was cancelled leads nowhere.
    """
    ours = [run for run in platform.runs() if run.suffix == marker and run.id not in spent]
    found = [run for run in ours if run.status is not RunStatus.CANCELLED]
    found.sort(key=lambda run: (_RANK[run.status], run.created, run.id))
    for extra in found[1:]:
        if extra.status is RunStatus.ACTIVE:
            platform.stop_run(extra.id)
            desk.event("extra_run_cancelled", run_id=extra.id, kept=found[0].id)
    return found[0] if found else None


_RANK = {RunStatus.DONE: 0, RunStatus.ACTIVE: 1, RunStatus.FAILED: 2}
