"""The keeper of the endpoints, a part of the tick: starts what is wanted just in time, and ends what must end."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from common.endpoints import Entry, EntryState, needs, reason_to_stop
from common.errors import HintrelayError, Permanent
from common.job import Job
from common.keys import QUEUE_HINTS
from common.ledger import Ledger
from common.states import JobState
from common.store import Store
from worker.endpoints.choice import choose
from worker.endpoints.steps import Steps
from worker.serving import Catalog, Endpoint, Endpoints, Offer, Serving

if TYPE_CHECKING:
    from common.prices import Prices  # pydantic, which an idle worker does without

log = structlog.get_logger(__name__)

AT_ONCE = 8  #: endpoints acted on at the same time
WANTED_LOOKED_AT = 50  #: of those that wait, in one tick
ACTING_MS = 20_000  #: one process acts on an endpoint for so long; longer than a request takes
LOOK_MS = 5_000  #: between two looks at the platform while nothing changes
STRAYS_MS = 60_000  #: between two looks for endpoints that the ledger does not know
GRACE_MS = 120_000  #: such an endpoint may be another tick's, just made
OFFERS_MS = 600_000  #: prices and configs are asked again after this
ALIVE_MS = 20_000  #: a worker gives a sign of life every 5 s
MODEL_FIELDS = ("object_id", "adapter_id", "output_name")  #: of a job; an endpoint may serve its model by any of them
SEEKER_FIELDS = ("id", "v", "state", "deployment", *MODEL_FIELDS, "lease", "lease_until", "rev")


@dataclass(frozen=True, slots=True)
class Bounds:
    """`most` endpoints at once; `each` jobs at once on one hints worker; how long provisioning may take."""

    most: int
    each: int
    provision_ms: int
    doubt_ms: int


class Keeper:
    """One a process, used by its tick alone."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        endpoints: Endpoints,
        catalog: Catalog,
        bounds: Bounds,
        prices: Prices,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._endpoints = endpoints
        self._catalog = catalog
        self._bounds = bounds
        self._prices = prices
        self._steps = Steps(store, ledger, endpoints, catalog, doubt_ms=bounds.doubt_ms)
        self._offers: dict[tuple[str, bool], tuple[int, list[Offer]]] = {}
        self._looked = self._looked_for_strays = 0

    def run(self) -> None:
        """Judge every endpoint by the records, look at the platform once, and take one step with each."""
        now = self._store.now_ms()
        running = self._ledger.running()
        jobs = self._ledger.jobs_of(running)
        ends = {
            entry.name: why
            for entry in running
            if entry.state is not EntryState.STOPPING and (why := reason_to_stop(entry, jobs, now))
        }
        seekers = self._ledger.seekers()
        if self._worth_asking(running, ends, seekers, now):
            seen = self._look(now)
            if seen is not None:
                self._act(running, ends, {one.name: one for one in seen}, now)
                self._find(seekers, seen)
                self._strays(running, seen, now)
        self._admit(len(running), now)

    def _worth_asking(self, running: Sequence[Entry], ends: Mapping[str, str], seekers: list[str], now: int) -> bool:
        changing = any(entry.state is not EntryState.RUNNING for entry in running)
        if ends or changing or ((running or seekers) and now - self._looked >= LOOK_MS):
            return True
        return now - self._looked_for_strays >= STRAYS_MS and self._ledger.ever_used()

    def _look(self, now: int) -> list[Endpoint] | None:
        self._looked = now
        try:
            return self._endpoints.endpoints()
        except HintrelayError as exc:
            self._looked_for_strays = now
            log.warning("endpoints_not_listed", reason=exc.message)
            return None

    # ---- those that may run ----

    def _act(self, running: Sequence[Entry], ends: Mapping[str, str], seen: Mapping[str, Endpoint], now: int) -> None:
        if not running:
            return
        with ThreadPoolExecutor(min(AT_ONCE, len(running)), thread_name_prefix="endpoints") as pool:
            for entry in running:
                pool.submit(self._one, entry, ends.get(entry.name), seen.get(entry.name), now)

    def _one(self, entry: Entry, why: str | None, endpoint: Endpoint | None, now: int) -> None:
        try:
            if not self._ledger.alone(entry.name, self._store.actor, ACTING_MS):
                return
            try:
                if why is not None:
                    self._steps.end(entry, why, _fault(entry, now))
                fresh = self._ledger.find(entry.name)
                if fresh is not None and fresh.open:
                    self._steps.take(fresh, endpoint, now)
            finally:
                self._ledger.done_with(entry.name)
        except HintrelayError as exc:
            log.warning("endpoint_step_failed", endpoint=entry.name, state=str(entry.state), reason=exc.message)
            self._say(entry.name, exc.message)
        except Exception:  # one endpoint's fault must not keep the others running
            log.exception("endpoint_step_crashed", endpoint=entry.name)

    def _say(self, name: str, words: str) -> None:
        """What stands in the way, for whoever looks at the ledger, or at a job that waits."""
        with contextlib.suppress(HintrelayError):
            fresh = self._ledger.find(name)
            if fresh is not None and fresh.open and fresh.words != words:
                self._ledger.move(name, words=words)

    # ---- those that are wanted ----

    def _admit(self, running: int, now: int) -> None:
        """Just in time: when a hints worker is there for it, and fewer run than may."""
        wanted = self._ledger.wanted(WANTED_LOOKED_AT)
        if not wanted:
            return
        jobs = self._ledger.jobs_of(wanted)
        workers = self._hints_workers() * self._bounds.each
        room = min(self._bounds.most, workers) - running
        busy = room > 0 and len(self._store.waiting(workers + 1)[QUEUE_HINTS]) > workers
        for entry in wanted:
            if entry.wish or not any(needs(jobs.get(job_id), entry) for job_id in entry.jobs):
                self._drop(entry, "somebody stopped it" if entry.wish else "no job needs it any more")
            elif room > 0 and not busy and self._start(entry, workers, now):
                room -= 1

    def _start(self, entry: Entry, workers: int, now: int) -> bool:
        """Everything about it stands in the ledger before the platform is asked for anything."""
        try:
            offer = self._offer(entry, now)
        except Permanent as exc:
            self._drop(entry, exc.message, exc.code)
            return False
        except HintrelayError as exc:
            log.warning("offers_not_read", endpoint=entry.name, reason=exc.message)
            return False
        limit = min(self._bounds.most, workers, entry.limit or self._bounds.most)
        until_ms = self._bounds.provision_ms
        chosen = {"path": offer.model, "config": offer.config, "hardware": offer.hardware}
        cents, priced = offer.cents_per_minute, ""
        if cents is None:
            cents, priced = self._prices.cents_per_minute(offer.hardware, entry.model), "here"
        moved = self._ledger.move(
            entry, EntryState.STARTING, limit=limit, until_ms=until_ms, price=cents, priced=priced, **chosen
        )
        if moved == 1:
            data = {"endpoint": entry.name, "hardware": offer.hardware, "cents_per_minute": cents}
            log.info("endpoint_started", jobs=len(entry.jobs), **data)
            self._steps.tell(entry, "endpoint_started", data)
        return moved == 1

    def _offer(self, entry: Entry, now: int) -> Offer:
        key = (entry.model, entry.base)
        known = self._offers.get(key)
        if known is None or now - known[0] > OFFERS_MS:
            known = self._offers[key] = (now, self._catalog.offers(entry.model, base=entry.base))
        return choose(known[1], entry.model, config=entry.wanted_config, hardware=entry.wanted_hardware)

    def _drop(self, entry: Entry, why: str, fault: str = "") -> None:
        """Nothing of it was ever asked for."""
        if self._ledger.close(entry, 0, why=why, fault=fault):
            for job_id in entry.jobs:
                self._store.wake(job_id)

    def _hints_workers(self) -> int:
        now = self._store.now_ms()
        return sum(name.startswith("hints ") and now - seen < ALIVE_MS for name, seen in self._store.alive().items())

    # ---- those of others, and those of nobody ----

    def _find(self, seekers: Sequence[str], seen: Sequence[Endpoint]) -> None:
        """Join trained jobs that look for an endpoint with those that serve their models."""
        if not seekers:
            return
        jobs = {job.id: job for job in self._store.many(seekers, SEEKER_FIELDS)}
        serving = {
            name: endpoint.address
            for endpoint in seen
            for one in endpoint.deployments
            if one.state is Serving.READY and one.routed
            for name in one.serves
        }
        done = [job_id for job_id in seekers if not _seeks(jobs.get(job_id))]
        for job_id, job in jobs.items():
            names = [str(job.facts[name]) for name in MODEL_FIELDS if job.facts.get(name)]
            address = next((serving[name] for name in names if name in serving), None)
            if address and _seeks(job):
                self._store.register(job_id, address)
                log.info("endpoint_found", job=job_id, deployment=address)
                done.append(job_id)
        if done:
            self._ledger.sought_enough(done)

    def _strays(self, running: Sequence[Entry], seen: Sequence[Endpoint], now: int) -> None:
        """Endpoints that bear our name and stand in no open entry: taken down once they are no longer young."""
        if not self._ledger.ever_used():
            return
        self._looked_for_strays = now
        prefix, known = self._ledger.prefix(), {entry.name for entry in running}
        strays = {one.name: one for one in seen if one.name.startswith(prefix) and one.name not in known}
        noted = self._ledger.strays()
        for name, endpoint in strays.items():
            first = noted.get(name)
            former = first is None and self._ledger.find(name) is not None  # it was closed, and is there again
            if first is None and not former:
                self._ledger.stray(name, now)
            elif former or now - (first or 0) >= GRACE_MS:
                log.warning("endpoint_unknown", endpoint=name)
                why = "the ledger did not know it"
                self._ledger.move(name, EntryState.STOPPING, until_ms=0, why=why, endpoint_id=endpoint.id)
        self._ledger.no_stray(noted.keys() - strays.keys())


def _seeks(job: Job | None) -> bool:
    return job is not None and job.state is JobState.TRAINED and not job.deployment


def _fault(entry: Entry, now: int) -> str:
    """What a job that still waits for it is to think: '~' where another endpoint may do."""
    if entry.wish:
        return "endpoint_stopped"
    if entry.until <= now:
        return "endpoint_limit" if entry.begun else "~endpoint_stuck"
    return ""
