"""Budgets of batches: what may be spent, what is set aside for runs under way, what was spent. Whole micro-dollars."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from common.budgets import Budget
from common.connection import Client, reaching
from common.job import Job, Lease
from common.keys import Keys
from common.money import Estimate
from common.records import Clock, Records
from common.scripts import Scripts

HELD_FIELDS = ("id", "v", "state", "held", "wants")
LOOKED_AT_ONCE = 500  #: held jobs


class Purse(Records):
    """Over the job store's Redis; all that changes money does so in one script."""

    def __init__(
        self, client: Client, *, url: str = "", clock: Clock | None = None, scripts: Scripts | None = None
    ) -> None:
        super().__init__(client, url=url, clock=clock)
        self._scripts = scripts or Scripts(client)

    @classmethod
    def beside(cls, records: Records) -> Purse:
        """Over the same Redis, with the same clock."""
        scripts = getattr(records, "_scripts", None)
        return cls(records.client, url=records.url, clock=records._clock, scripts=scripts)

    def reserve(
        self, lease: Lease, batch: str, run: Estimate | None = None, endpoint: int | None = None
    ) -> Budget | bool:
        """True: set aside, both or neither; None leaves as it is. A Budget has no room for it; the job is made due when
        it has. False: the lease was lost."""
        keys = [Keys.job(lease.job_id), Keys.budgets, Keys.held(batch), Keys.eased]
        expected: list[Any] = [run.cost, run.source] if run else ["", ""]
        args = [lease.job_id, lease.token, batch, *expected, "" if endpoint is None else endpoint]
        with reaching(self.url):
            word, *amounts = self._scripts.reserve(keys=keys, args=args)
        if word == "held":
            limit, reserved, spent = map(int, amounts)
            return Budget(batch, limit, reserved, spent)
        return bool(word == "reserved")

    def settle(self, job_ids: Iterable[str]) -> list[str]:
        """What runs cost takes the place of what was set aside; fingerprints whose payer ended without success."""
        marks = self._run(
            lambda pipe: [
                self._scripts.settle(
                    client=pipe, keys=[Keys.job(job_id), Keys.budgets, Keys.unsettled, Keys.eased], args=[job_id]
                )
                for job_id in job_ids
            ]
        )
        return [mark for mark in marks if mark]

    def waiting(self) -> tuple[list[str], list[str]]:
        """(jobs to be settled, batches whose budget has more room than it had); one round trip."""
        jobs, batches = self._run(lambda pipe: (pipe.smembers(Keys.unsettled), pipe.smembers(Keys.eased)))
        return sorted(jobs), sorted(batches)

    def budget(self, batch: str) -> Budget:
        """Of a batch, whether or not it has a limit."""
        with reaching(self.url):
            values = self.client.hmget(Keys.budgets, [f"{name} {batch}" for name in ("limit", "reserved", "spent")])
        limit, reserved, spent = (int(value) if value else None for value in values)
        return Budget(batch, limit, reserved or 0, spent or 0)

    def allow(self, batch: str, limit: int | None, *, first: bool = False) -> Budget:
        """Set the limit, None: none; with `first` only where there is none yet. Jobs that fit then are due at once."""
        field = f"limit {batch}"
        with reaching(self.url):
            if first:
                self.client.hsetnx(Keys.budgets, field, limit)
            elif limit is None:
                self.client.hdel(Keys.budgets, field)
            else:
                self.client.hset(Keys.budgets, field, limit)
        self.let_go(batch)
        return self.budget(batch)

    def held(self, batch: str) -> list[Job]:
        """The jobs that wait for the budget, in the order they were submitted in; those that ended are forgotten."""
        with reaching(self.url):
            ids = list(self.client.zrange(Keys.held(batch), 0, -1))
        found: list[Job] = []
        for start in range(0, len(ids), LOOKED_AT_ONCE):
            found += self.many(ids[start : start + LOOKED_AT_ONCE], HELD_FIELDS)
        waits = {job.id for job in found if not job.finished}
        if gone := [job_id for job_id in ids if job_id not in waits]:
            with reaching(self.url):
                self.client.zrem(Keys.held(batch), *gone)
        return [job for job in found if job.id in waits]

    def let_go(self, batch: str) -> int:
        """Make those due that the budget has room for, the oldest first, to set their money aside; how many."""
        with reaching(self.url):
            self.client.srem(Keys.eased, batch)  # first: what eases from now on is seen
        room, fit = self.budget(batch).room, []
        for job in self.held(batch):
            wanted = int(job.facts.get("wants") or 0)
            if room is None or wanted <= room:
                fit.append(job.id)
                room = None if room is None else room - wanted
        self.wake(fit)
        return len(fit)

    def wake(self, job_ids: Iterable[str]) -> None:
        """Something that these jobs wait for has happened: they are looked at now."""
        self._run(
            lambda pipe: [
                self._scripts.wake(client=pipe, keys=[Keys.job(job_id), Keys.due], args=[self._now(), job_id])
                for job_id in job_ids
            ]
        )
