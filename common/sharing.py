"""Equal runs are trained once: which job pays for one, who waits for it, who trains by it."""

from __future__ import annotations

from collections.abc import Sequence

from common.connection import reaching
from common.job import LISTED, Job
from common.keys import Keys
from common.states import FINISHED, JobState
from common.store import Store


class Sharing:
    """Over the job store's Redis. A fingerprint (common/reuse.py) tells equal runs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def files(self, platform: str, sha256s: Sequence[str]) -> list[str | None]:
        """The platform's id of each training file, where any job has uploaded it."""
        if not sha256s:
            return []
        with reaching(self._store.url):
            return list(self._store.client.hmget(Keys.files, [f"{platform} {sha256}" for sha256 in sha256s]))

    def remember_file(self, platform: str, sha256: str, file_id: str) -> None:
        """The platform has these bytes; `submit` need not upload them again."""
        self._store.remember_file(f"{platform} {sha256}", file_id)

    def holders(self, fingerprints: Sequence[str]) -> dict[str, Job]:
        """The job that pays, or has paid, for each run, where there is one."""
        if not fingerprints:
            return {}
        with reaching(self._store.url):
            names = self._store.client.hmget(Keys.payers, list(fingerprints))
        jobs = {job.id: job for job in self._store.many({name for name in names if name}, [*LISTED, "payer"])}
        return {mark: jobs[name] for mark, name in zip(fingerprints, names, strict=True) if name in jobs}


def leads_to_a_model(job: Job) -> bool:
    """Whether a payer's run is trained, trains, or is still to come."""
    return job.state not in FINISHED or job.state is JobState.SUCCEEDED or bool(job.facts.get("output_name"))
