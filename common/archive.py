"""Jobs that have ended: their records made compact, and forgotten after a while. Over the job store's Redis.

The index of a finished state is in the order in which its jobs ended, so both find theirs without a look at others.
Each job is one script call that is refused when anything happened to the job since it was read: any number of ticks may
do the same at once, and what a crash cut off is done by the next one.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import structlog

from common import bills
from common.bills import Bill
from common.compact import compacted
from common.connection import Client, reaching
from common.errors import HintrelayError
from common.job import Job
from common.keys import Keys
from common.pipeline import QUEUES
from common.records import UNREADABLE, Clock, Records
from common.scripts import Scripts
from common.states import FINISHED, JobState

log = structlog.get_logger(__name__)
Record: TypeAlias = dict[str, str]
ODD = (HintrelayError, *UNREADABLE)
DAY_MS = 86_400_000
SETTLED_MS = 1000  #: a later look begins behind the last ms of this one: no other job may come to its end in that ms
ENDS = tuple(state for state in JobState if state in FINISHED)


class Archive(Records):
    """`events_kept` as of the store that writes the other events."""

    def __init__(
        self,
        client: Client,
        *,
        url: str = "",
        clock: Clock | None = None,
        scripts: Scripts | None = None,
        actor: str = "",
        events_kept: str = "1000000",
    ) -> None:
        super().__init__(client, url=url, clock=clock)
        self._scripts = scripts or Scripts(client)
        self._actor = actor
        self._kept = events_kept

    @classmethod
    def beside(cls, records: Records) -> Archive:
        """Over the same Redis, with the same clock."""
        return cls(
            records.client,
            url=records.url,
            clock=records._clock,
            scripts=getattr(records, "_scripts", None),
            actor=getattr(records, "actor", ""),
            events_kept=getattr(records, "_kept", "1000000"),
        )

    # ---- the compact form ----

    def to_compact(self, limit: int) -> dict[JobState, list[str]]:
        """Of each end, some ids of jobs that came to it and are not known to be compact; two round trips."""
        known, (seconds, micros) = self._run(lambda pipe: (pipe.hgetall(Keys.archived), pipe.time()))
        before = (self._clock() if self._clock else seconds * 1000 + micros // 1000) - SETTLED_MS
        pages = self._run(
            lambda pipe: [pipe.zrangebyscore(Keys.state(s), f"({known.get(s, '-inf')}", before, 0, limit) for s in ENDS]
        )
        found = {state: list(ids) for state, ids in zip(ENDS, pages, strict=True) if ids}
        return {state: self._with_ties(state, ids) if len(ids) == limit else ids for state, ids in found.items()}

    def _with_ties(self, state: JobState, ids: list[str]) -> list[str]:
        """And those that ended in the same ms as the last one: the next page begins behind them."""
        with reaching(self.url):
            score = self.client.zscore(Keys.state(state), ids[-1])
            ties = self.client.zrangebyscore(Keys.state(state), score, score) if score is not None else []
        return list(dict.fromkeys([*ids, *ties]))

    def compact(self, state: JobState, ids: Sequence[str]) -> int:
        """Make the records of these jobs, the next ones that came to `state`, compact; how many were changed."""
        rows = [dict(zip(row[::2], row[1::2], strict=True)) for row in self._rows(ids)]
        changes = [change for row in rows if row.get("state") == state and (change := self._change(row))]
        answers = self._run(
            lambda pipe: [
                self._scripts.compact(
                    client=pipe,
                    keys=[Keys.job(row["id"])],
                    args=[row["rev"], len(gone), *gone, *(word for pair in fields.items() for word in pair)],
                )
                for row, gone, fields in changes
                if gone or fields
            ]
        )
        self._compact_up_to(state, ids[-1])
        return sum(map(int, answers))

    def _change(self, row: Record) -> tuple[Record, list[str], dict[str, str]] | None:
        """What makes a record compact; None for one that cannot be read: it must not keep the others waiting."""
        try:
            return row, *compacted(row)
        except ODD as exc:
            log.warning("record_not_read", job=row.get("id"), reason=repr(exc))
            return None

    def _compact_up_to(self, state: JobState, job_id: str) -> None:
        """A job that was not changed has been retried, and is found again at its next end."""
        with reaching(self.url):
            score = self.client.zscore(Keys.state(state), job_id)
            if score is not None:
                self.client.hset(Keys.archived, str(state), repr(float(score)))

    # ---- the end ----

    def expired(self, keep_ms: int, limit: int) -> list[str]:
        """Some ids of jobs that ended so long ago, or may have; one round trip and the clock's."""
        before = self.now_ms() - keep_ms
        pages = self._run(
            lambda pipe: [pipe.zrangebyscore(Keys.state(state), "-inf", before, 0, limit) for state in ENDS]
        )
        return [job_id for page in pages for job_id in page][:limit]

    def expire(self, ids: Sequence[str], keep_ms: int) -> dict[str, list[str]]:
        """Forget these jobs; the script's words -> the ids that it answered so."""
        rows = [dict(zip(row[::2], row[1::2], strict=True)) for row in self._rows(ids)]
        calls = [call for row in rows if row.get("state") in FINISHED and (call := self._call(row, keep_ms))]
        words = self._run(
            lambda pipe: [self._scripts.expire(client=pipe, keys=keys, args=args) for _, keys, args in calls]
        )
        answers: dict[str, list[str]] = {}
        for (job_id, *_), word in zip(calls, words, strict=True):
            answers.setdefault(str(word), []).append(job_id)
        self._drop_lost(ids, {row["id"] for row in rows if "id" in row})
        return answers

    def _call(self, row: Record, keep_ms: int) -> tuple[str, list[str], list[Any]] | None:
        """Of expire.lua; None for a record that cannot be read: it is looked at a day later."""
        try:
            (job,) = self._whole([row])
            return job.id, _keys(job, row), self._args(job, row, keep_ms)
        except ODD as exc:
            log.warning("record_not_read", job=row.get("id"), reason=repr(exc))
            later = self.now_ms() - keep_ms + DAY_MS
            self._run(lambda pipe: [pipe.zadd(Keys.state(JobState(row["state"])), {row["id"]: later}, xx=True)])
            return None

    def _args(self, job: Job, record: Mapping[str, str], keep_ms: int) -> list[Any]:
        numbers = " ".join(str(getattr(bills.bill(job), name)) for name in Bill.__slots__)
        where = f"{bills.day(job)} {job.batch} {bills.model(job)}"
        return [self._now(), job.id, record["rev"], keep_ms, Keys.job(""), where, numbers, self._kept, self._actor]

    def _drop_lost(self, ids: Sequence[str], there: set[str]) -> None:
        """Ids whose records are gone, by hand or by another tick, stand in no index for long."""
        lost = [job_id for job_id in ids if job_id not in there]
        if lost:
            keys = [Keys.jobs, *map(Keys.state, ENDS)]
            self._run(lambda pipe: [pipe.zrem(key, *lost) for key in keys])

    def expire_endpoints(self, keep_ms: int, limit: int) -> int:
        """Forget entries of the ledger that closed so long ago and that no job is left of; how many."""
        before = self.now_ms() - keep_ms
        with reaching(self.url):
            old = self.client.zcount(Keys.endpoints_closed, "-inf", before)
            first = random.randrange(max(1, old - limit + 1))  # noqa: S311  # those of living jobs hide no others
            names = self.client.zrangebyscore(Keys.endpoints_closed, "-inf", before, first, limit) if old else []
        gone = [name for name, entry_jobs in zip(names, self._jobs_of(names), strict=True) if not entry_jobs]
        if gone:
            self._run(
                lambda pipe: (
                    pipe.zrem(Keys.endpoints_closed, *gone),
                    pipe.delete(*map(Keys.endpoint, gone)),
                ),
                whole=True,
            )
        return len(gone)

    def _jobs_of(self, names: Sequence[str]) -> list[int]:
        """How many jobs of each entry there are still."""
        if not names:
            return []
        texts = self._run(lambda pipe: [pipe.hget(Keys.endpoint(name), "jobs") for name in names])
        keys = [[Keys.job(job_id) for job_id in (text or "").split()] for text in texts]
        counts = iter(self._run(lambda pipe: [pipe.exists(*of_entry) for of_entry in keys if of_entry]))
        return [int(next(counts)) if of_entry else 0 for of_entry in keys]


def _keys(job: Job, record: Mapping[str, str]) -> list[str]:
    """In the order of expire.lua."""
    state, batch = Keys.state(job.state), Keys.batch(job.batch)
    fixed = [Keys.job(job.id), state, Keys.endpoints_open, Keys.unsettled, Keys.runs, Keys.payers, Keys.idempotency]
    fixed += [Keys.spec(record.get("base", "")), Keys.past, batch, Keys.batches, Keys.eased, Keys.events]
    fixed += [Keys.pieces(job.id), Keys.ids(job.id), Keys.sharers(record.get("shares", "")), Keys.slot_line]
    return [
        *fixed,
        Keys.jobs,
        Keys.due,
        Keys.held(job.batch),
        Keys.slots,
        Keys.joined,
        Keys.seekers,
        *map(Keys.line, QUEUES),
    ]
