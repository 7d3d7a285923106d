"""What must hold before money is spent on a run: one list of checks, asked in order, and at last a slot."""

from __future__ import annotations

from collections.abc import Callable

from common.job import Job
from common.outcomes import AwaitSlot, Outcome
from worker.ports import Desk, Ports, Request
from worker.stages.afford import afford
from worker.stages.servable import servable
from worker.stages.share import share

#: (job, request, ports, desk) -> why nothing is to be paid now (a Snooze), or ever (a Reject); None: as far as this
#: check goes, pay. A check may be asked many times for one job, and pays nothing itself.
Check = Callable[[Job, Request, Ports, Desk], Outcome | None]

BEFORE_PAYING: tuple[Check, ...] = (servable, share, afford)


def admit(job: Job, request: Request, ports: Ports, desk: Desk) -> Outcome | None:
    """None: pay, and the record says that it is about to be done. Else what becomes of the job."""
    for check in BEFORE_PAYING:
        refusal = check(job, request, ports, desk)
        if refusal is not None:
            if job.facts.get("place") or job.facts.get("reserved"):
                desk.yield_slot()  # it may have one, from the line or from a call that was refused: others can use it
            return refusal
    return _slot(job, ports, desk)


def _slot(job: Job, ports: Ports, desk: Desk) -> Outcome | None:
    """The slot and the intent are written as one. Who waits for a slot has passed all else."""
    own = job.spec.limits.max_running
    most = min((limit for limit in (own, ports.max_running) if limit is not None), default=None)
    under_way = desk.intend(most)
    if under_way is None:
        return None
    runs = "run is" if most == 1 else "runs are"
    # at most 64 bytes, up to which Redis packs a record: one in the line then takes half of the memory
    return AwaitSlot(own, f"{under_way} of at most {most} {runs} under way; one that ends makes room")
