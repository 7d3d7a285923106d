"""What a job says to the ledger: it wants a model to answer, or no longer; and what the ledger says to it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from common.endpoints import BASE_FACT, BASE_NEED, OWN_FACT, Entry, EntryState
from common.errors import HintrelayError, Permanent, Transient
from common.job import Job
from common.ledger import Ledger
from worker.serving import Standing

TRANSIENT_MARK = "~"  #: begins the code of a fault that another endpoint may not have


class Asking:
    """One job's side. `note` writes facts on its record."""

    def __init__(self, ledger: Ledger, job: Job, note: Callable[..., None]) -> None:
        self._ledger = ledger
        self._job = job
        self._note = note

    def want(self, model: str, pay: Callable[[int], None], *, base: bool) -> Standing:
        """Open an entry, or join the one that is open, and say where it stands. Who is none of those that pay for it
        sets the money aside before."""
        fact = BASE_FACT if base else OWN_FACT
        held = self._job.facts.get(fact)
        former = self._ledger.find(held) if held else None
        if former is not None and not former.usable:
            self._note(**{fact: None})
            if former.fault:
                return Standing(former.name, former.why, fault=fault_of(former))
        there = self._ledger.open_for(self._need(model, base))
        if there is None or self._job.id not in there.payers:
            pay(1 + (len(there.payers) if there else 0))
        name = self._ledger.want(self._need(model, base), self._job.id, self._mark(model, base), self._wishes(model))
        state = self._ledger.share(name, self._job.id, "join", base=base)
        entry = self._ledger.find(name)
        if entry is None or state in {None, EntryState.STOPPING, EntryState.CLOSED}:
            return Standing(name, f"its former endpoint {name} is being stopped")
        if name != held:
            self._note(**{fact: name})
        return standing(entry)

    def leave(self, model: str) -> None:
        held = self._job.facts.get(BASE_FACT)
        entry = self._ledger.find(held) if held else None
        if entry is not None and entry.model == model:
            self._ledger.share(entry.name, self._job.id, "leave")

    def ended(self) -> str | None:
        held = self._job.facts.get(OWN_FACT)
        entry = self._ledger.find(held) if held else None
        if entry is None or entry.address != self._job.deployment or entry.state is EntryState.RUNNING:
            return None
        return entry.why or "it runs no longer"

    def _need(self, model: str, base: bool) -> str:
        return BASE_NEED + model if base else self._job.id

    def _mark(self, model: str, base: bool) -> str:
        return "b" + hashlib.sha256(model.encode()).hexdigest()[:7] if base else self._job.id

    def _wishes(self, model: str) -> dict[str, object]:
        spec = self._job.spec
        wanted = spec.deploy
        return {
            "model": model,
            "max_minutes": wanted.minutes,
            "inactive_minutes": wanted.idle_minutes,
            "limit": spec.limits.max_endpoints,
            "wanted_hardware": wanted.hardware,
            "wanted_config": wanted.config,
        }


def standing(entry: Entry) -> Standing:
    """What a job is told of an entry it may count on."""
    if entry.state is EntryState.RUNNING:
        return Standing(entry.name, f"{entry.address} answers", entry.address, entry.endpoint_id)
    if entry.state is EntryState.WANTED:
        words = f": {entry.words}" if entry.words else ""
        return Standing(entry.name, f"its endpoint starts when there is room and a hints worker for it{words}")
    words = f" ({entry.words})" if entry.words else ""
    return Standing(entry.name, f"the platform gets its endpoint {entry.name} ready{words}")


def fault_of(entry: Entry) -> HintrelayError:
    """Why an entry ended otherwise than by plan, as the job is to take it."""
    message = f"its endpoint {entry.name} is no more: {entry.why}"
    code = entry.fault.removeprefix(TRANSIENT_MARK)
    if entry.fault.startswith(TRANSIENT_MARK):
        return Transient(message, code=code)
    return Permanent(message, code=code)
