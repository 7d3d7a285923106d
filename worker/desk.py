"""What a stage may do to its own job while it works: the Desk port over the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from common.budgets import Budget
from common.errors import HintrelayError, NotFound, StaleMove
from common.job import Job
from common.ledger import Ledger
from common.money import Estimate
from common.purse import Purse
from common.shared_pieces import share, shared, shared_ids, shared_of, unshare
from common.sharing import Sharing
from common.store import Store
from worker.endpoints.asking import Asking
from worker.leases import Held
from worker.serving import Standing
from worker.stopping import StopFlag

SELDOM_S = 0.5  #: between two writes of a stage's progress


class Ending(HintrelayError):
    """The job is to end: somebody wishes it cancelled, or its deadline is past."""


class Stopping(HintrelayError):
    """The worker stops: the job goes back."""


class JobDesk:
    """One job's desk. `platform` tells the files of one platform from another's."""

    def __init__(self, store: Store, held: Held, job: Job, stop: StopFlag, platform: str, ledger: Ledger) -> None:
        self._store = store
        self._held = held
        self._job = job
        self._stop = stop
        self._platform = platform
        self._sharing = Sharing.beside(store)
        self._purse = Purse.beside(store)
        self._written = 0.0
        self.noted: dict[str, Any] = {}  #: facts that this stage wrote
        self._ledger = ledger
        self._asking = Asking(ledger, job, self.note)

    def note(self, **facts: Any) -> None:
        self.noted |= facts
        self._must(self._store.note(self._job.id, facts, lease=self._held.lease))

    def event(self, event: str, **data: Any) -> None:
        self._must(self._store.note(self._job.id, {}, lease=self._held.lease, event=event, data=data))

    def keep(self, pieces: Mapping[str, str]) -> None:
        if pieces:
            self._must(self._store.note(self._job.id, {}, lease=self._held.lease, pieces=pieces))

    def kept(self) -> dict[str, str]:
        return self._store.pieces(self._job.id)

    def kept_ids(self) -> set[str]:
        return self._store.piece_ids(self._job.id)

    def kept_of(self, names: Sequence[str]) -> dict[str, str]:
        return self._store.pieces_of(self._job.id, names)

    def intend(self, most: int | None) -> int | None:
        word, under_way = self._store.admit(self._held.lease, most)
        self._must(word != "lost")
        return None if word == "admitted" else under_way

    def yield_slot(self) -> None:
        self._store.yield_slot(self._job.id)

    def progress(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._written >= SELDOM_S or done >= total:
            self._written = now
            self.note(done=done, total=total)

    def now_s(self) -> float:
        return self._store.now_ms() / 1000

    def check(self) -> None:
        if self._held.lost:
            raise StaleMove
        if self._held.ending:
            raise Ending
        if self._stop:
            raise Stopping

    def file_known(self, sha256: str) -> str | None:
        return self._store.known_file(f"{self._platform} {sha256}")

    def remember_file(self, sha256: str, file_id: str) -> None:
        self._store.remember_file(f"{self._platform} {sha256}", file_id)

    def forget_file(self, sha256: str) -> None:
        self._store.forget_file(f"{self._platform} {sha256}")

    def share(self, name: str, pieces: Mapping[str, str]) -> None:
        share(self._store, f"{self._platform} {name}", pieces)

    def shared(self, name: str) -> dict[str, str]:
        return shared(self._store, f"{self._platform} {name}")

    def shared_ids(self, name: str) -> set[str]:
        return shared_ids(self._store, f"{self._platform} {name}")

    def shared_of(self, name: str, keys: Sequence[str]) -> dict[str, str]:
        return shared_of(self._store, f"{self._platform} {name}", keys)

    def payer(self, mark: str, instead_of: Job | None = None) -> Job | None:
        over = instead_of is not None
        job_id = self._sharing.payer(mark, self._job.id, instead_of=instead_of.id if instead_of else "", over=over)
        while job_id != self._job.id:
            try:
                return self._store.get(job_id)
            except NotFound:
                job_id = self._sharing.payer(mark, self._job.id, instead_of=job_id)
        return None

    def join(self, mark: str, payer: Job, run_id: str) -> bool:
        return self._sharing.join(self._held.lease, mark, payer.id, run_id)

    def begun(self, mark: str, run_id: str) -> None:
        self.note(run_id=run_id)
        self._sharing.wake(mark, but=self._job.id)

    def leave_run(self, mark: str | None, run_id: str) -> str | None:
        return self._sharing.leave(self._job.id, mark or "", run_id)

    def reserve(self, run: Estimate | None = None, endpoint: int | None = None) -> Budget | None:
        room = self._purse.reserve(self._held.lease, self._job.batch, run, endpoint)
        if isinstance(room, Budget):
            return room
        self._must(room)
        return None

    def settle(self) -> None:
        self._purse.settle([self._job.id])

    def unshare(self, name: str) -> None:
        unshare(self._store, f"{self._platform} {name}")

    def alone(self, name: str) -> bool:
        return self._store.alone(f"{self._platform} {name}", self._job.id)

    def not_alone(self, name: str) -> None:
        self._store.not_alone(f"{self._platform} {name}", self._job.id)

    def wake(self, job_ids: Iterable[str]) -> None:
        self._purse.wake(job_ids)

    def endpoint(self, model: str, pay: Callable[[int], None], *, base: bool = False) -> Standing:
        return self._asking.want(model, pay, base=base)

    def leave(self, model: str) -> None:
        self._asking.leave(model)

    def endpoint_ended(self) -> str | None:
        return self._asking.ended()

    def seek(self) -> None:
        self._ledger.seek(self._job.id)

    def _must(self, done: bool) -> None:
        if not done:
            self._held.lost = True
            raise StaleMove
