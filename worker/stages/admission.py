"""What must hold before money is spent on a run: one list of checks, asked in order, and then the intent."""

from __future__ import annotations

from collections.abc import Callable

from common.job import Job
from common.outcomes import Outcome
from worker.ports import Desk, Ports, Request

#: (job, request, ports, desk) -> why nothing is to be paid now (a Snooze), or ever (a Reject); None: as far as this
#: check goes, pay. A check may be asked many times for one job, and pays nothing itself.
Check = Callable[[Job, Request, Ports, Desk], Outcome | None]

BEFORE_PAYING: tuple[Check, ...] = ()


def admit(job: Job, request: Request, ports: Ports, desk: Desk) -> Outcome | None:
    """None: pay, and the record says that it is about to be done. Else what becomes of the job."""
    for check in BEFORE_PAYING:
        refusal = check(job, request, ports, desk)
        if refusal is not None:
            return refusal
    desk.note(intent=f"{desk.now_s():.3f}")
    return None
