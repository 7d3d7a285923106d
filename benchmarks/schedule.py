"""Which benchmarks there are, in which order they run, and how long each may take: on one screen."""

from __future__ import annotations

from benchmarks.kit.budget import Slot

QUICK_MINUTES, FULL_MINUTES = 4.75, 24.5  #: the whole run; what has no time left then is named in the tables

#: seconds: no round begins that would end later than `quick` (`--full`: `full`); one subject's round has `limit`
SCHEDULE = {
    "relay": Slot(quick=60, full=380, limit=90),
    "idle": Slot(quick=14, full=60, limit=30),
    "waiting": Slot(quick=45, full=240, limit=100),
    "detection": Slot(quick=30, full=140, limit=100),
    "submit": Slot(quick=30, full=130, limit=60),
    "realistic": Slot(quick=22, full=170, limit=60),
    "flow": Slot(quick=20, full=80, limit=60),
    "prepare": Slot(quick=18, full=110, limit=100),
    "generation": Slot(quick=35, full=120, limit=100),
    "stages": Slot(quick=10, full=40, limit=60),
}
NAMES = tuple(SCHEDULE)
