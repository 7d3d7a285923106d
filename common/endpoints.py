"""Entries of the endpoint ledger, and when an endpoint has to end. Pure data; common/ledger.py stores it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from common.job import Job, iso
from common.states import JobState, reached

PAYS = "pays "  #: begins the fields of an entry that name who pays
NAME_PREFIX = "hr-"  #: of every endpoint that hintrelay makes
BASE_NEED = "base "  #: a need of this form is shared by all jobs that compare with the model
OWN_FACT, BASE_FACT = "endpoint", "base_endpoint"  #: fields of a job's record that name the entry that it counts on


class EntryState(StrEnum):
    """How far an entry is. Whatever is neither wanted nor closed may be on the platform, and cost."""

    WANTED = "wanted"  #: nothing is there; waits for room, and for a worker that will use it
    STARTING = "starting"  #: is being created and provisioned
    RUNNING = "running"  #: answers
    STOPPING = "stopping"  #: is to end; asked again until it reads so
    CLOSED = "closed"  #: read as gone


@dataclass(frozen=True, slots=True)
class Entry:
    """One endpoint in the ledger. Times are ms since 1970, by Redis's clock; `spans` by the platform's."""

    name: str
    state: EntryState
    need: str = ""  #: a job id, or BASE_NEED and a model
    jobs: tuple[str, ...] = ()
    payers: tuple[str, ...] = ()  #: jobs that its cost is divided among: all that ever counted on it
    model: str = ""  #: the registry's id of a tuned model, or the name of a base model
    created: int = 0
    since: int = 0
    until: int = 0  #: the hard deadline, once something may run
    max_minutes: int = 60
    inactive_minutes: int = 30
    limit: int | None = None  #: endpoints that may run at once, where the job says so
    wanted_hardware: str = ""
    wanted_config: str = ""
    path: str = ""  #: the platform's path of the model
    config: str = ""
    hardware: str = ""
    price: float | None = None  #: cents a minute
    priced: str = ""  #: 'here' where the platform states no price of the hardware and our table's counts
    endpoint_id: str = ""
    address: str = ""  #: what requests are sent to
    asked: int = 0  #: when the paid request was last made, while it is not known what came of it
    begun: int = 0  #: when it first read as ready
    halted: int = 0  #: when it first read otherwise, after it was to end
    minutes: int | None = None  #: billed, once known
    counted: str = ""  #: 'here' where the platform did not tell the minutes and our clock counted them
    why: str = ""  #: why it ended
    fault: str = ""  #: code, where it ended otherwise than by plan: transient faults begin with '~'
    words: str = ""  #: the platform's latest
    wish: str = ""  #: 'stop', by hand
    rev: str = "0"
    more: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_record(cls, record: Mapping[str, str]) -> Entry:
        values: dict[str, Any] = {"name": record["name"], "state": EntryState(record["state"])}
        for name in _TEXTS:
            values[name] = record.get(name) or ""
        for name in _NUMBERS:
            if record.get(name):
                values[name] = int(float(record[name]))
        if record.get("price"):
            values["price"] = float(record["price"])
        values["jobs"] = tuple((record.get("jobs") or "").split())
        values["payers"] = tuple(sorted(name.removeprefix(PAYS) for name in record if name.startswith(PAYS)))
        values["rev"] = record.get("rev") or "0"
        return cls(**values)

    @property
    def base(self) -> bool:
        return self.need.startswith(BASE_NEED)

    @property
    def open(self) -> bool:
        return self.state is not EntryState.CLOSED

    @property
    def usable(self) -> bool:
        """Whether a job may count on it."""
        return self.state in {EntryState.WANTED, EntryState.STARTING, EntryState.RUNNING}

    @property
    def cents(self) -> float | None:
        """What it cost, once its minutes are known."""
        return None if self.minutes is None or self.price is None else round(self.minutes * self.price, 4)

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "name": self.name,
            "state": str(self.state),
            "jobs": list(self.jobs),
            "payers": list(self.payers),
            "model": self.model,
            "kind": "base" if self.base else "tuned",
            "hardware": self.hardware or None,
            "config": self.config or None,
            "cents_per_minute": self.price,
            "price_by": None if self.price is None else "hintrelay's table" if self.priced else "platform",
            "address": self.address or None,
            "endpoint_id": self.endpoint_id or None,
            "created_at": iso(self.created),
            "since": iso(self.since),
            "until": iso(self.until) if self.until else None,
            "max_minutes": self.max_minutes,
            "minutes": self.minutes,
            "minutes_by": None if self.minutes is None else "our clock" if self.counted else "platform",
            "cents": self.cents,
            "why": self.why or None,
            "words": self.words or None,
            "wish": self.wish or None,
        }


_TEXTS = (
    "need model path wanted_hardware wanted_config config hardware priced endpoint_id address why fault words wish "
    "counted"
).split()
_NUMBERS = "created since until max_minutes inactive_minutes limit asked begun halted minutes".split()


def needs(job: Job | None, entry: Entry) -> bool:
    """Whether a job still needs the endpoint of an entry that counts it among its jobs."""
    if job is None or job.finished or job.wish:
        return False
    if entry.base:
        return True  # until it leaves, or ends
    if not reached(job.state, JobState.TRAINED) or reached(job.state, JobState.GENERATED):
        return False
    return job.deployment in {None, "", entry.address}


def reason_to_stop(entry: Entry, jobs: Mapping[str, Job], now: int) -> str | None:
    """Why an endpoint that may be on the platform has to end; None while it may stay."""
    if entry.wish:
        return "somebody stopped it"
    if entry.state is not EntryState.WANTED and entry.until <= now:
        return f"it had its {entry.max_minutes} minutes" if entry.begun else "the platform did not get it ready in time"
    if any(needs(jobs.get(job_id), entry) for job_id in entry.jobs):
        return None
    ended = [job for job_id in entry.jobs if (job := jobs.get(job_id)) is not None and job.finished]
    if ended and len(ended) == len(entry.jobs):
        return "its jobs have ended" if len(ended) > 1 else f"its job {ended[0].state}"
    return "no job needs it any more"
