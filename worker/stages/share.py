"""Before a run is paid: an equal one that another job pays for, or has paid for, is shared."""

from __future__ import annotations

from common.job import Job
from common.outcomes import Advance, Outcome, Snooze
from common.reuse import run_fingerprint
from common.states import JobState
from worker.ports import Absent, Desk, Ports, Request, Run, RunStatus

LOOK_AGAIN_S = 5.0
LATER_S = (
    300.0  #: whoever begins the run, or ends without one, makes those that wait due; this is for when that got lost
)


def share(job: Job, request: Request, ports: Ports, desk: Desk) -> Outcome | None:
    """None: this job pays. Else it trains by another's run, or waits until that is there."""
    mark = fingerprint(job, ports)
    if mark is None:
        return None
    payer = desk.payer(mark)
    if payer is None:
        return None
    run = _usable(payer, job, ports)
    if run is not None:
        if desk.join(mark, payer, run.id):
            return Advance(JobState.TRAINING, {"status": run.word})
        return Snooze(LOOK_AGAIN_S, f"the run that it shares is job {payer.id}'s no more")
    if (payer.finished or payer.facts.get("held") == "budget") and desk.payer(mark, instead_of=payer) is None:
        return None  # perhaps this one's budget has room
    return Snooze(LATER_S, f"job {payer.id}, which is {payer.state}, pays for the same run")


def fingerprint(job: Job, ports: Ports) -> str | None:
    """What tells the job's run from others; None for one that shares with nobody."""
    training = job.pointer("training")
    if job.spec.fresh or training is None:
        return None
    return run_fingerprint(ports.platform.name, training.sha256, job.spec.finetune)


def _usable(payer: Job, job: Job, ports: Ports) -> Run | None:
    """The payer's run, where it leads to a model."""
    if not payer.run_id or payer.run_id in (job.facts.get("spent_runs") or ()):
        return None
    try:
        run = ports.platform.run(payer.run_id)
    except Absent:
        return None
    return run if run.status in {RunStatus.ACTIVE, RunStatus.DONE} else None
