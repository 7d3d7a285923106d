"""Reading the job store: records, indexes, and what stands beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from common.connection import Client, reaching
from common.errors import Conflict, NotFound, UnknownVersion
from common.job import LISTED, Batch, Job
from common.keys import Keys
from common.scripts import source
from common.states import JobState

READ_AT_ONCE = 1000  #: records in one answer
Clock = Callable[[], int]  #: ms since 1970; tests pass their own, else Redis's clock counts


class Records:
    """Jobs as they are stored. `url` only names the store in errors."""

    def __init__(self, client: Client, *, url: str = "", clock: Clock | None = None) -> None:
        self.client = client
        self.url = url
        self._clock = clock

    def get(self, job_id: str) -> Job:
        """Raises NotFound."""
        with reaching(self.url):
            record = self.client.hgetall(Keys.job(job_id))
        if not record:
            raise NotFound(f"there is no job {job_id}", hint="hintrelay ls shows the jobs")
        return Job.from_record(record)

    def resolve(self, prefix: str) -> str:
        """The one job id that begins with `prefix`. Raises NotFound, or Conflict when there are several."""
        wanted = prefix.strip().lower()
        with reaching(self.url):
            if len(wanted) == 8 and self.client.exists(Keys.job(wanted)):
                return wanted
            ids = [i for i in self.client.zrange(Keys.jobs, 0, -1) if wanted and i.startswith(wanted)]
        if not ids:
            raise NotFound(f"there is no job {prefix}", hint="hintrelay ls shows the jobs")
        if len(ids) > 1:
            raise Conflict(f"{prefix} is the beginning of {len(ids)} job ids: {', '.join(sorted(ids)[:5])}")
        return str(ids[0])

    def ids(self, state: JobState | None = None) -> list[str]:
        """Job ids, oldest first."""
        with reaching(self.url):
            return list(self.client.zrange(Keys.state(state) if state else Keys.jobs, 0, -1))

    def many(self, ids: Iterable[str], fields: Sequence[str] = LISTED) -> list[Job]:
        """The jobs of `ids` that exist, in their order, without their specs; one round trip for a thousand."""
        keys = [Keys.job(job_id) for job_id in ids]
        rows: list[Any] = []
        for start in range(0, len(keys), READ_AT_ONCE):
            chunk = keys[start : start + READ_AT_ONCE]
            with reaching(self.url):  # EVAL, not EVALSHA: to ask whether the server knows it is a round trip more
                rows += self.client.eval(source("read"), len(chunk), *chunk, *fields)
        records = ({n: v for n, v in zip(fields, row, strict=True) if v is not None} for row in rows)
        return [job for record in records if "state" in record and (job := _readable(record))]

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

    def batches(self) -> list[Batch]:
        """All batches that have jobs, oldest first; two round trips."""
        with reaching(self.url):
            rows = self.client.zrange(Keys.batches, 0, -1, withscores=True)
        counts = self._run(
            lambda p: [p.zintercard(2, [Keys.batch(name), Keys.state(state)]) for name, _ in rows for state in JobState]
        )
        found = []
        for number, (name, since) in enumerate(rows):
            of_batch = counts[number * len(JobState) : (number + 1) * len(JobState)]
            states = {state: count for state, count in zip(JobState, of_batch, strict=True) if count}
            found += [Batch(name, int(since), states)] if states else []
        return found

    def training(self) -> int:
        """How many jobs are in training."""
        with reaching(self.url):
            return int(self.client.zcard(Keys.state(JobState.TRAINING)))

    def jobs_of_runs(self, run_ids: Sequence[str]) -> list[str | None]:
        """The job id of each of the platform's runs, None for a run that is not ours."""
        if not run_ids:
            return []
        with reaching(self.url):
            return list(self.client.hmget(Keys.runs, list(run_ids)))

    def pieces(self, job_id: str) -> dict[str, str]:
        with reaching(self.url):
            return dict(self.client.hgetall(Keys.pieces(job_id)))

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
    """The job, unless a newer hintrelay wrote it: that one must not hide the others. `get` says so in an error."""
    try:
        return Job.from_record(record)
    except UnknownVersion as exc:
        import structlog  # 0.07 s, for what hardly ever happens

        structlog.get_logger(__name__).warning("record_skipped", reason=exc.message)
        return None
