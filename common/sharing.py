"""Equal runs are trained once: which job pays for one, who waits for it, who trains by it."""

from __future__ import annotations

from collections.abc import Sequence

from common.connection import Client, reaching
from common.job import Job, Lease
from common.keys import Keys
from common.records import Clock, Records
from common.scripts import Scripts
from common.states import FINISHED, JobState


class Sharing(Records):
    """Over the job store's Redis. A fingerprint (common/reuse.py) tells equal runs."""

    def __init__(
        self, client: Client, *, url: str = "", clock: Clock | None = None, scripts: Scripts | None = None
    ) -> None:
        super().__init__(client, url=url, clock=clock)
        self._scripts = scripts or Scripts(client)

    @classmethod
    def beside(cls, records: Records) -> Sharing:
        """Over the same Redis, with the same clock."""
        scripts = getattr(records, "_scripts", None)
        return cls(records.client, url=records.url, clock=records._clock, scripts=scripts)

    # ---- reading ----

    def files(self, platform: str, sha256s: Sequence[str]) -> list[str | None]:
        """The platform's id of each training file, where any job has uploaded it."""
        if not sha256s:
            return []
        with reaching(self.url):
            return list(self.client.hmget(Keys.files, [f"{platform} {sha256}" for sha256 in sha256s]))

    def holders(self, fingerprints: Sequence[str]) -> dict[str, Job]:
        """The job that pays, or has paid, for each run, where there is one."""
        if not fingerprints:
            return {}
        with reaching(self.url):
            names = self.client.hmget(Keys.payers, list(fingerprints))
        jobs = {job.id: job for job in self.many({name for name in names if name})}
        return {mark: jobs[name] for mark, name in zip(fingerprints, names, strict=True) if name in jobs}

    # ---- changing ----

    def remember_file(self, platform: str, sha256: str, file_id: str) -> None:
        """The platform has these bytes; `submit` need not upload them again."""
        with reaching(self.url):
            self.client.hset(Keys.files, f"{platform} {sha256}", file_id)

    def payer(self, mark: str, job_id: str, *, instead_of: str = "", over: bool = False) -> str:
        """The id of the job that pays for the run: `job_id` where nobody did, or `instead_of` is gone; with `over` also
        where that one has ended, or is held. `job_id` is woken when the run has begun, or its payer has ended."""
        keys = [Keys.payers, Keys.job(job_id), Keys.job(instead_of or job_id), Keys.sharers(mark)]
        with reaching(self.url):
            return str(self._scripts.payer(keys=keys, args=[mark, job_id, instead_of, "over" if over else ""]))

    def join(self, lease: Lease, mark: str, payer: str, run_id: str) -> bool:
        """The job trains by the payer's run. False where the lease was lost, or the payer has left the run."""
        keys = [Keys.job(lease.job_id), Keys.payers, Keys.runs, Keys.sharers(mark), Keys.joined]
        with reaching(self.url):
            return bool(self._scripts.join_run(keys=keys, args=[lease.job_id, lease.token, mark, payer, run_id]))

    def leave(self, job_id: str, mark: str, run_id: str) -> str | None:
        """The job does not want the run any more. The job that keeps it; None: nobody does, it is to be stopped."""
        while True:
            with reaching(self.url):
                ids = (self.client.hget(Keys.runs, run_id) or "").split()
                keys = [Keys.payers, Keys.runs, Keys.joined, *map(Keys.job, ids)]
                word, *heir = self._scripts.leave_run(keys=keys, args=[job_id, mark, run_id, *ids])
            if word != "again":
                return str(heir[0]) if word == "kept" else None

    def wake(self, mark: str, but: str = "") -> None:
        """The run has begun, or its payer has ended: those that wait for it look now; not the one that tells it."""
        waiting, _ = self._run(
            lambda pipe: (pipe.smembers(Keys.sharers(mark)), pipe.delete(Keys.sharers(mark))), whole=True
        )
        self._run(
            lambda pipe: [
                self._scripts.wake(client=pipe, keys=[Keys.job(job_id), Keys.due], args=[self._now(), job_id])
                for job_id in waiting
                if job_id != but
            ]
        )


def leads_to_a_model(job: Job) -> bool:
    """Whether a payer's run is trained, trains, or is still to come."""
    return job.state not in FINISHED or job.state is JobState.SUCCEEDED or bool(job.facts.get("output_name"))
