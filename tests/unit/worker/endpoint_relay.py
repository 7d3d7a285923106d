"""The relay with endpoints: trained jobs that want one, and what must hold of ledger and bill at any time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from common.endpoints import Entry
from common.states import JobState
from tests.fakes.relay import Relay
from tests.invariants import assert_ledger
from worker.endpoints.asking import Asking
from worker.ports import RunStatus
from worker.serving import Standing


class EndpointRelay(Relay):
    """One hints worker, unless a test says otherwise."""

    def __init__(self, folder: Path, *, endpoints: Any | None = None) -> None:
        super().__init__(folder, endpoints=endpoints)
        self.workers = 1

    def trained(self, **changes: object) -> str:
        """The id of a job whose model was just trained; by default it wants an endpoint of its own."""
        job_id = self.submit(**{"deploy__mode": "auto", **changes})
        self.drive()
        run_id = self.get(job_id).run_id
        assert run_id is not None
        facts = {"output_name": f"acme/{job_id}", "object_id": f"ml_{job_id}", "adapter_id": f"ad_{job_id}"}
        self.platform.change(run_id, RunStatus.DONE, "completed", **facts)
        self.round()
        assert self.get(job_id).state is JobState.TRAINED, self.get(job_id)
        return job_id

    def rounds(self, count: int, after_s: float = 5.0) -> None:
        for _ in range(count):
            self.round(after_s)
            assert_ledger(self.store, self.ledger)

    def ready(self) -> None:
        """Let everything that is provisioned be ready, and the relay see it."""
        self.rounds(4)
        self.endpoints.get_all_ready()
        self.rounds(2)

    def entries(self) -> list[Entry]:
        return [*self.ledger.wanted(100), *self.ledger.running(), *self.ledger.closed()]

    def entry(self, job_id: str) -> Entry:
        """The latest that a job had."""
        return max((one for one in self.entries() if job_id in one.jobs), key=lambda one: one.created)

    def settle(self, count: int = 6) -> None:
        """Long enough for what is to end to end, and for the ledger to know."""
        self.rounds(count)
        assert not self.endpoints.running()
        assert not self.endpoints.there
        assert not self.ledger.running()
        assert sum(one.minutes or 0 for one in self.ledger.closed()) == self.endpoints.billed()

    def ask(
        self, job_id: str, model: str, *, base: bool = False, pay: Callable[[int], None] = lambda payers: None
    ) -> Standing:
        """What a stage of the job hears when it asks for an endpoint."""
        asking = Asking(self.ledger, self.get(job_id), lambda **facts: None)
        return asking.want(model, pay, base=base)
