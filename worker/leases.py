"""Leases kept alive while stages work: one thread a process renews all of them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import structlog

from common.errors import HintrelayError
from common.job import Lease
from common.store import Store
from worker.stopping import StopFlag

log = structlog.get_logger(__name__)

GIVE_BACK_AFTER_S = 6.0  #: after the stop signal, work that did not end by itself is given back


class Held:
    """One lease in this process. `lost`: somebody else's, or not renewed in time; `ending`: the job is to end."""

    def __init__(self, lease: Lease, lease_s: float, limit_s: float) -> None:
        self.lease = lease
        self.lost = False
        self.ending = False
        self._lease_s = lease_s
        self._limit_s = limit_s
        self._since = self._renewed = time.monotonic()

    def restart_limit(self) -> None:
        """Another stage begins under the same lease."""
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
    """Renews each held lease three times within its length. Starts its thread at the first lease, so after any fork."""

    def __init__(self, store: Store, stop: StopFlag, *, lease_s: float, limit_s: float) -> None:
        self._store = store
        self._stop = stop
        self._lease_s = lease_s
        self._limit_s = limit_s
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def hold(self, lease: Lease) -> Iterator[Held]:
        """Keep `lease` alive while the block runs."""
        held = Held(lease, self._lease_s, self._limit_s)
        with self._lock:
            self._held[lease.token] = held
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="leases", daemon=True)
                self._thread.start()
        try:
            yield held
        finally:
            with self._lock:
                self._held.pop(lease.token, None)

    def _work(self) -> None:
        step_s = min(self._lease_s / 3, 1.0)
        due = time.monotonic() + self._lease_s / 3
        while True:
            time.sleep(step_s)
            with self._lock:
                held = [one for one in self._held.values() if not one.lost]
            since = self._stop.since()
            if since and time.monotonic() - since > GIVE_BACK_AFTER_S:
                self._give_back(held)
            elif time.monotonic() >= due:
                due = time.monotonic() + self._lease_s / 3
                self.renew(held)

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

    def _give_back(self, held: list[Held]) -> None:
        for one in held:
            one.lost = True
            with contextlib.suppress(HintrelayError):
                self._store.defer(one.lease, "release", 0, "its worker stopped")
                log.info("job_given_back", job=one.lease.job_id)
