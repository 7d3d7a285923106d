"""The endpoint ledger: an entry before anything is created, and until the endpoint reads as gone."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from common.connection import Client, reaching
from common.endpoints import BASE_FACT, BASE_NEED, NAME_PREFIX, OWN_FACT, Entry, EntryState
from common.errors import NotFound
from common.job import Job
from common.keys import Keys
from common.money import micros_of
from common.printable import storable
from common.records import Clock, Records
from common.scripts import Scripts

#: fields of jobs that tell whether they need an endpoint
JOB_FIELDS = ("id", "v", "state", "deployment", "wish", "lease", "lease_until", "rev")


class Ledger(Records):
    """Entries in Redis, written through scripts only."""

    def __init__(self, client: Client, *, url: str = "", clock: Clock | None = None, installation: str = "") -> None:
        super().__init__(client, url=url, clock=clock)
        self._scripts = Scripts(client)
        self._given = installation
        self._installation = ""

    @classmethod
    def beside(cls, records: Records, installation: str = "") -> Ledger:
        """Over the same Redis, with the same clock."""
        return cls(records.client, url=records.url, clock=records._clock, installation=installation)

    # ---- names ----

    def installation(self) -> str:
        """What the names of this installation's endpoints bear; drawn at first need, unless the setting gives it."""
        if not self._installation:
            with reaching(self.url):
                self.client.set(Keys.installation, self._given or secrets.token_hex(2), nx=True)
                self._installation = self._given or str(self.client.get(Keys.installation))
        return self._installation

    def prefix(self) -> str:
        """What the names of all endpoints of this installation begin with."""
        return f"{NAME_PREFIX}{self.installation()}-"

    def ever_used(self) -> bool:
        """Whether this installation has made an endpoint, or may have."""
        with reaching(self.url):
            return bool(self.client.exists(Keys.installation))

    # ---- what jobs do ----

    def want(self, need: str, job_id: str, mark: str, facts: Mapping[str, Any]) -> str:
        """The name of the entry that is open for `need`; a new one is named after `mark`, and paid for with what the
        job has set aside."""
        name = f"{self.prefix()}{mark}-{secrets.token_hex(2)}"
        args = [self._now(), name, need, job_id, _fact(need), *_pairs(facts)]
        with reaching(self.url):
            return str(
                self._scripts.endpoint_want(
                    keys=[Keys.endpoint(name), Keys.endpoints_open, Keys.endpoints_wanted, Keys.job(job_id)], args=args
                )
            )

    def share(self, name: str, job_id: str, how: str, *, base: bool = False) -> EntryState | None:
        """`join`, and pay a part, or `leave`; the entry's state, None where there is none."""
        args = [job_id, how, name, BASE_FACT if base else OWN_FACT]
        with reaching(self.url):
            state = self._scripts.endpoint_share(keys=[Keys.endpoint(name), Keys.job(job_id)], args=args)
        return EntryState(state) if state else None

    def seek(self, job_id: str) -> None:
        """A job looks for an endpoint that somebody else started."""
        with reaching(self.url):
            self.client.zadd(Keys.seekers, {job_id: self.now_ms()}, nx=True)

    def seekers(self) -> list[str]:
        with reaching(self.url):
            return list(self.client.zrange(Keys.seekers, 0, -1))

    def sought_enough(self, job_ids: Iterable[str]) -> None:
        with reaching(self.url):
            self.client.zrem(Keys.seekers, *job_ids)

    # ---- reading ----

    def find(self, name: str) -> Entry | None:
        with reaching(self.url):
            record = self.client.hgetall(Keys.endpoint(name))
        return Entry.from_record(record) if record else None

    def open_for(self, need: str) -> Entry | None:
        """The entry that is open for a need."""
        with reaching(self.url):
            name = self.client.hget(Keys.endpoints_open, need)
        return self.find(name) if name else None

    def named(self, name: str) -> Entry:
        """By name, or by the id of a job that has an open one, or the id's beginning. Raises NotFound."""
        bare = name.rsplit("/", 1)[-1]
        entry = self._of_job(bare) or self.find(bare) or self._of_job(self._begun(bare))
        if entry is None:
            raise NotFound(f"the ledger has no endpoint {name}", hint="hintrelay endpoints ls shows them")
        return entry

    def _of_job(self, job_id: str) -> Entry | None:
        with reaching(self.url):
            name = self.client.hget(Keys.endpoints_open, job_id)
        return self.find(name) if name else None

    def _begun(self, prefix: str) -> str:
        """The job id that a prefix means; '' where it means none."""
        try:
            return self.resolve(prefix)
        except NotFound:
            return ""

    def wanted(self, limit: int) -> list[Entry]:
        """Those that wait, the longest waiting first."""
        return self._entries(Keys.endpoints_wanted, 0, limit - 1) if limit > 0 else []

    def running(self) -> list[Entry]:
        """Whatever may be on the platform."""
        return self._entries(Keys.endpoints_running, 0, -1)

    def closed(self, since_ms: int = 0) -> list[Entry]:
        """Those that ended, the latest last."""
        with reaching(self.url):
            names = self.client.zrangebyscore(Keys.endpoints_closed, since_ms, "+inf")
        return self._read(names)

    def strays(self) -> dict[str, int]:
        """Endpoints of ours that the ledger does not know, and when each was first seen; 0: it is to be stopped."""
        with reaching(self.url):
            return {name: int(float(seen)) for name, seen in self.client.hgetall(Keys.strays).items()}

    def jobs_of(self, entries: Iterable[Entry]) -> dict[str, Job]:
        """The jobs that entries name, as far as it takes to judge them."""
        ids = sorted({job_id for entry in entries for job_id in entry.jobs})
        return {job.id: job for job in self.many(ids, JOB_FIELDS)}

    # ---- changing ----

    def move(
        self,
        entry: Entry | str,
        to: EntryState | None = None,
        *,
        limit: int | None = None,
        until_ms: int | None = None,
        **facts: Any,
    ) -> int:
        """1 done; 0 it was changed meanwhile; -1 no room. An entry by its name is changed whatever its rev."""
        name, rev = (entry.name, entry.rev) if isinstance(entry, Entry) else (entry, "")
        keys = [Keys.endpoint(name), Keys.endpoints_wanted, Keys.endpoints_running, Keys.endpoints_closed]
        args: list[Any] = [self._now(), name, rev, to or "", "" if limit is None else limit]
        args += ["" if until_ms is None else until_ms, *_pairs(facts)]
        with reaching(self.url):
            return int(self._scripts.endpoint_move(keys=keys, args=args))

    def close(self, entry: Entry, minutes: int, **facts: Any) -> bool:
        """It ended after so many minutes, which are charged to those who pay for it. False: it was changed meanwhile,
        or is closed already: nothing counts twice."""
        cost = 0 if entry.price is None else micros_of(minutes, entry.price)
        indexes = [Keys.endpoints_wanted, Keys.endpoints_running, Keys.endpoints_closed, Keys.endpoints_open]
        keys = [Keys.endpoint(entry.name), *indexes, Keys.budgets, Keys.eased, *map(Keys.job, entry.payers)]
        args = [self._now(), entry.name, entry.rev, minutes, cost, len(entry.payers), *entry.payers, *_pairs(facts)]
        with reaching(self.url):
            return bool(self._scripts.endpoint_close(keys=keys, args=args))

    def alone(self, name: str, who: str, ms: int) -> bool:
        """Whether `who` is the one that acts on an endpoint for the next `ms`."""
        with reaching(self.url):
            holder = self.client.set(Keys.alone(f"endpoint {name}"), who, nx=True, px=ms, get=True)
            if holder == who:
                self.client.pexpire(Keys.alone(f"endpoint {name}"), ms)
        return holder is None or holder == who

    def done_with(self, name: str) -> None:
        """Others may act on it again."""
        with reaching(self.url):
            self.client.delete(Keys.alone(f"endpoint {name}"))

    def stray(self, name: str, seen_ms: int) -> None:
        with reaching(self.url):
            self.client.hset(Keys.strays, name, str(seen_ms))

    def no_stray(self, names: Iterable[str]) -> None:
        gone = list(names)
        if gone:
            with reaching(self.url):
                self.client.hdel(Keys.strays, *gone)

    def _entries(self, key: str, first: int, last: int) -> list[Entry]:
        with reaching(self.url):
            names = self.client.zrange(key, first, last)
        return self._read(names)

    def _read(self, names: Iterable[str]) -> list[Entry]:
        records = self._run(lambda pipe: [pipe.hgetall(Keys.endpoint(name)) for name in names])
        return [Entry.from_record(record) for record in records if record]


def _fact(need: str) -> str:
    return BASE_FACT if need.startswith(BASE_NEED) else OWN_FACT


def _pairs(facts: Mapping[str, Any]) -> list[str]:
    flat: list[str] = []
    for name, value in facts.items():
        flat += [name, "" if value is None else storable(str(value))]
    return flat
