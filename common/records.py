"""Reading the job store: records, indexes, and what stands beside them."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from common.compact import PACKED
from common.connection import Client, reaching
from common.errors import Conflict, NotFound, UnknownVersion
from common.job import LISTED, Batch, Job
from common.keys import Keys
from common.paging import pages
from common.scripts import source
from common.states import UNFINISHED, JobState

READ_AT_ONCE = 1000  #: records in one answer
BATCHES_AT_ONCE = 100  #: counted in one round trip
BASES_KEPT = 1000  #: base specs that are remembered
HEX = "0123456789abcdef"
_PREFIX = re.compile(r"[0-9a-f]{1,8}")
#: what reading a record raises that a newer hintrelay, or somebody by hand, has written
UNREADABLE = (UnknownVersion, KeyError, ValueError, zlib.error)
Clock = Callable[[], int]  #: ms since 1970; tests pass their own, else Redis's clock counts


@dataclass(frozen=True, slots=True)
class Counts:
    """How many jobs are in training, how many runs are known, and whether nobody need ask for these yet."""

    jobs: int
    runs: int
    resting: bool


class Records:
    """Jobs as they are stored. `url` only names the store in errors."""

    def __init__(self, client: Client, *, url: str = "", clock: Clock | None = None) -> None:
        self.client = client
        self.url = url
        self._clock = clock
        self._bases: dict[str, dict[str, Any]] = {}  #: base specs by digest: content never changes under one

    def get(self, job_id: str) -> Job:
        """Raises NotFound."""
        with reaching(self.url):
            record = self.client.hgetall(Keys.job(job_id))
        if not record:
            raise NotFound(f"there is no job {job_id}", hint="hintrelay ls shows the jobs")
        return self._whole([record])[0]

    def resolve(self, prefix: str) -> str:
        """The one job id that begins with `prefix`. Raises NotFound, or Conflict when there are several."""
        wanted = prefix.strip().lower()
        with reaching(self.url):
            if len(wanted) == 8 and self.client.exists(Keys.job(wanted)):
                return wanted
        ids = self._beginning_with(wanted) if _PREFIX.fullmatch(wanted) else []
        if not ids:
            raise NotFound(f"there is no job {prefix}", hint="hintrelay ls shows the jobs")
        if len(ids) > 1:
            raise Conflict(f"{prefix} is the beginning of {len(ids)} job ids: {', '.join(sorted(ids)[:5])}")
        return str(ids[0])

    def _beginning_with(self, prefix: str) -> list[str]:
        """The ids that begin with 1 to 7 hex digits."""
        rests = map("".join, product(HEX, repeat=max(0, 3 - len(prefix))))
        found = self._run(lambda pipe: [pipe.smembers(Keys.ids(prefix + rest)) for rest in rests])
        ids = [job_id for of_set in found for job_id in of_set if job_id.startswith(prefix)]
        if ids:
            return ids
        with reaching(self.url):  # jobs that an older hintrelay stored stand in no such set
            return [job_id for job_id, _ in self.client.zscan_iter(Keys.jobs, match=f"{prefix}*", count=READ_AT_ONCE)]

    def ids(self, state: JobState | None = None, *, newest: int | None = None) -> list[str]:
        """Job ids, oldest first, in a finished state by when they ended; with `newest` only so many of the newest."""
        with reaching(self.url):
            return list(self.client.zrange(Keys.state(state) if state else Keys.jobs, -(newest or 0), -1))

    def ids_in(self, batch: str, state: JobState) -> list[str]:
        """Ids of a batch's jobs in one state, oldest first."""
        with reaching(self.url):
            return list(self.client.zinter({Keys.batch(batch): 1, Keys.state(state): 0}))

    def size(self, state: JobState | None = None) -> int:
        """How many jobs there are, or are in one state."""
        with reaching(self.url):
            return int(self.client.zcard(Keys.state(state) if state else Keys.jobs))

    def unfinished(self) -> list[str]:
        """Ids of the jobs that have not ended, oldest first in each state: however many have ended costs nothing."""
        found = self._run(lambda pipe: [pipe.zrange(Keys.state(state), 0, -1) for state in UNFINISHED])
        return list(dict.fromkeys(job_id for ids in found for job_id in ids))

    def many(self, ids: Iterable[str], fields: Sequence[str] = LISTED) -> list[Job]:
        """The jobs of `ids` that exist, in their order, without their specs; one round trip for a thousand."""
        asked = sorted(fields, key=PACKED.__eq__)  # it is unpacked where it comes last
        records = ({n: v for n, v in zip(asked, row, strict=True) if v is not None} for row in self._rows(ids, asked))
        return [job for record in records if "state" in record and (job := _readable(record))]

    def each(self, ids: Iterable[str], fields: Sequence[str] = LISTED) -> Iterator[Job]:
        """As `many`, a thousand at a time: however many there are, no more are held at once."""
        for page in pages(ids, READ_AT_ONCE):
            yield from self.many(page, fields)

    def whole(self, ids: Iterable[str]) -> list[Job]:
        """The jobs of `ids` that exist, in their order, with all that is known of each."""
        return list(self.each_whole(ids))

    def each_whole(self, ids: Iterable[str]) -> Iterator[Job]:
        """As `whole`, a thousand at a time."""
        for page in pages(ids, READ_AT_ONCE):
            records = [dict(zip(row[::2], row[1::2], strict=True)) for row in self._rows(page)]
            yield from self._whole([record for record in records if "state" in record])

    def _rows(self, ids: Iterable[str], fields: Sequence[str] = ()) -> list[Any]:
        rows: list[Any] = []
        for page in pages(ids, READ_AT_ONCE):
            keys = [Keys.job(job_id) for job_id in page]
            with reaching(self.url):  # EVAL, not EVALSHA: to ask whether the server knows it is a round trip more
                rows += self.client.eval(source("read"), len(keys), *keys, *fields)
        return rows

    def _whole(self, records: Sequence[dict[str, str]]) -> list[Job]:
        """Records into jobs, with the base specs that they name."""
        unknown = {base for record in records if (base := record.get("base")) and base not in self._bases}
        if unknown:
            texts = self._run(lambda pipe: [pipe.hget(Keys.spec(base), "spec") for base in unknown])
            if len(self._bases) > BASES_KEPT:
                self._bases.clear()
            self._bases.update((base, json.loads(text)) for base, text in zip(unknown, texts, strict=True) if text)
        return [Job.from_record(record, self._bases.get(record.get("base", ""))) for record in records]

    def count(self) -> dict[JobState, int]:
        """How many jobs are in each state."""
        return dict(zip(JobState, self._run(lambda p: [p.zcard(Keys.state(s)) for s in JobState]), strict=True))

    def batch(self, name: str) -> list[str]:
        """The ids of a batch's jobs, oldest first. Raises NotFound."""
        with reaching(self.url):
            ids = list(self.client.zrange(Keys.batch(name), 0, -1))
        if not ids:
            raise NotFound(f"there is no batch {name}", hint="hintrelay batches shows the batches")
        return ids

    def batches(self, *, newest: int | None = None) -> list[Batch]:
        """Batches that have jobs, oldest first; with `newest` so many of the newest. A round trip, and one more for
        each hundred."""
        with reaching(self.url):
            rows = self.client.zrange(Keys.batches, -(newest or 0), -1, withscores=True)
        found = []
        for start in range(0, len(rows), BATCHES_AT_ONCE):
            page = rows[start : start + BATCHES_AT_ONCE]
            for (name, since), states in zip(page, self._states([name for name, _ in page]), strict=True):
                found += [Batch(name, int(since), states)] if states else []
        return found

    def _states(self, batches: Sequence[str]) -> list[dict[JobState, int]]:
        """How many jobs of each batch are in each state."""
        counts = iter(
            self._run(
                lambda pipe: [
                    pipe.zintercard(2, [Keys.batch(name), Keys.state(state)]) for name in batches for state in JobState
                ]
            )
        )
        return [{state: count for state in JobState if (count := next(counts))} for _ in batches]

    def training(self) -> Counts:
        """What is in training; one round trip."""
        jobs, runs, resting = self._run(
            lambda pipe: (pipe.zcard(Keys.state(JobState.TRAINING)), pipe.hlen(Keys.runs), pipe.get(Keys.rest))
        )
        return Counts(jobs, runs, resting == f"{jobs} {runs}")

    def rests_s(self) -> float:
        """For how long no tick asks for the platform's list; 0 when the next one does."""
        with reaching(self.url):
            return max(0, int(self.client.pttl(Keys.rest))) / 1000

    def jobs_of_runs(self, run_ids: Sequence[str]) -> list[list[str]]:
        """The ids of the jobs that train by each of the platform's runs; none for a run that is not ours."""
        if not run_ids:
            return []
        with reaching(self.url):
            return [(value or "").split() for value in self.client.hmget(Keys.runs, list(run_ids))]

    def pieces(self, job_id: str) -> dict[str, str]:
        with reaching(self.url):
            return dict(self.client.hgetall(Keys.pieces(job_id)))

    def piece_ids(self, job_id: str) -> set[str]:
        with reaching(self.url):
            return set(self.client.hkeys(Keys.pieces(job_id)))

    def pieces_of(self, job_id: str, names: Sequence[str]) -> dict[str, str]:
        """Some of them; a name that is not there is left out."""
        with reaching(self.url):
            values = self.client.hmget(Keys.pieces(job_id), list(names))
        return {name: text for name, text in zip(names, values, strict=True) if text is not None}

    def owners(self, keys: Sequence[str]) -> list[tuple[str, str] | None]:
        """For each idempotency key (job id, digest of what it was made from), or None."""
        with reaching(self.url):
            values = self.client.hmget(Keys.idempotency, list(keys))
        return [(value.split(" ")[0], value.split(" ")[1]) if value else None for value in values]

    def known_file(self, name: str) -> str | None:
        with reaching(self.url):
            answer: str | None = self.client.hget(Keys.files, name)
        return answer

    def alive(self) -> dict[str, int]:
        """Worker processes, as '<queue> <host>:<pid>', and the ms since 1970 when each was last seen."""
        with reaching(self.url):
            rows = self.client.zrange(Keys.workers, 0, -1, withscores=True)
        return {name: int(seen) for name, seen in rows}

    def now_ms(self) -> int:
        """Redis's clock in ms since 1970, or the tests' own."""
        if self._clock:
            return self._clock()
        with reaching(self.url):
            seconds, micros = self.client.time()
        return int(seconds) * 1000 + int(micros) // 1000

    def pipeline(self) -> Any:
        return self.client.pipeline(transaction=False)

    def execute(self, pipe: Any) -> list[Any]:
        with reaching(self.url):
            return list(pipe.execute())

    def _run(self, fill: Callable[[Any], object], *, whole: bool = False) -> list[Any]:
        """One round trip; with `whole`, all of it happens or, out of memory or cut off, nothing."""
        pipe = self.client.pipeline(transaction=True) if whole else self.pipeline()
        fill(pipe)
        return self.execute(pipe)

    def _now(self) -> int | str:
        return self._clock() if self._clock else ""


def _readable(record: dict[str, str]) -> Job | None:
    """The job, unless its record cannot be read: that one must not hide the others. `get` says so in an error."""
    try:
        return Job.from_record(record)
    except UNREADABLE as exc:
        import structlog  # 0.07 s, for what hardly ever happens

        reason = exc.message if isinstance(exc, UnknownVersion) else f"job {record.get('id')}: {exc!r}"
        structlog.get_logger(__name__).warning("record_skipped", reason=reason)
        return None
