"""Leases kept alive while stages work: one thread a process renews all of them."""

from __future__ import annotations

import contextlib
import threading
import time

import structlog

from common.errors import HintrelayError
from common.job import Lease
from common.store import Store
from worker.stopping import StopFlag

log = structlog.get_logger(__name__)

GIVE_BACK_AFTER_S = 6.0  #: after the stop signal, work that did not end by itself is given back
IDLE_S = 1.0  #: a job that its worker does not come to for so long, as another one takes its time, is given back


class Held:
    """One lease in this process. `lost`: somebody else's, or not renewed in time; `ending`: the job is to end."""

    def __init__(self, lease: Lease, lease_s: float, limit_s: float) -> None:
        self.lease = lease
        self.lost = False
        self.ending = False
        self._lease_s = lease_s
        self._limit_s = limit_s
        self._since = self._renewed = time.monotonic()
        self.at_work = False  #: a stage works on the job; else it waits for its worker to come to it

    def idle_s(self) -> float:
        """For how long the job has waited for its worker."""
        return 0.0 if self.at_work else time.monotonic() - self._since

    def turn(self, *, at_work: bool) -> None:
        """A stage begins under this lease, or has ended."""
        self.at_work = at_work
        self._since = time.monotonic()

    def settle(self, answer: int) -> None:
        """Take in the answer of `renew`: 0 lost, 1 renewed, 2 renewed and the job is to end."""
        self.lost = self.lost or answer == 0
        self.ending = answer == 2
        self._renewed = time.monotonic()

    @property
    def renewable(self) -> bool:
        """False once the stage has worked longer than any stage may: then another worker may take the job."""
        return not self.lost and time.monotonic() - self._since < self._limit_s

    def expire(self) -> None:
        """Lost, when it could not be renewed in time."""
        if time.monotonic() - self._renewed >= self._lease_s:
            self.lost = True


class LeaseKeeper:
    """Renews each held lease three times within its length. Its thread is there while one is held: after any fork."""

    def __init__(self, store: Store, stop: StopFlag, *, lease_s: float, limit_s: float) -> None:
        self._store = store
        self._stop = stop
        self._lease_s = lease_s
        self._limit_s = limit_s
        self._held: dict[Lease, Held] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def keep(self, lease: Lease) -> Held:
        """Keep `lease` alive until it is dropped."""
        held = Held(lease, self._lease_s, self._limit_s)
        with self._lock:
            self._held[lease] = held
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="leases", daemon=True)
                self._thread.start()
        return held

    def drop(self, held: Held) -> None:
        with self._lock:
            self._held.pop(held.lease, None)

    def begin(self, held: Held) -> bool:
        """A stage is about to begin; False when the job was given back meanwhile, or its lease was lost."""
        with self._lock:
            if not held.lost:
                held.turn(at_work=True)
            return not held.lost

    def _work(self) -> None:
        step_s = min(self._lease_s / 3, 1.0)
        due = time.monotonic() + self._lease_s / 3
        while not self._done():
            time.sleep(step_s)
            held = self._give_back_idle()
            since = self._stop.since()
            if since and time.monotonic() - since > GIVE_BACK_AFTER_S:
                self._give_back(held, "its worker stopped")
            elif time.monotonic() >= due:
                due = time.monotonic() + self._lease_s / 3
                self.renew(held)

    def _done(self) -> bool:
        """Whether nothing is held: the next lease starts another thread."""
        with self._lock:
            if not self._held:
                self._thread = None
            return not self._held

    def renew(self, held: list[Held]) -> None:
        """One round trip for all."""
        for one in held:
            one.expire()
        renewable = [one for one in held if one.renewable]
        if not renewable:
            return
        try:
            answers = self._store.renew([one.lease for one in renewable], int(self._lease_s * 1000))
        except HintrelayError as exc:
            log.warning("leases_not_renewed", count=len(renewable), reason=exc.message)
            return
        for one, answer in zip(renewable, answers, strict=True):
            one.settle(answer)

    def _give_back_idle(self) -> list[Held]:
        """Those that their worker does not come to go to others; the rest."""
        with self._lock:  # so that no stage begins meanwhile
            held = [one for one in self._held.values() if not one.lost]
            idle = [one for one in held if one.idle_s() > IDLE_S]
            for one in idle:
                one.lost = True
        if idle:
            self._give_back(idle, "its worker was busy with another job")
        return [one for one in held if not one.lost]

    def _give_back(self, held: list[Held], why: str) -> None:
        for one in held:
            one.lost = True
            with contextlib.suppress(HintrelayError):
                self._store.defer(one.lease, "release", 0, why)
                log.info("job_given_back", job=one.lease.job_id)
