"""What the platform says of all runs, joined with the jobs that train by them."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from common.collector import resting_collector
from common.errors import HintrelayError, NotFound, Permanent
from common.job import Job
from common.records import UNREADABLE, Counts
from common.states import JobState
from common.store import Store
from worker.patience import Patience
from worker.ports import Absent, Platform, Run, RunStatus

log = structlog.get_logger(__name__)

MARKER = re.compile(r"-([0-9a-f]{8})$")
YOUNG_MS = 120_000  #: a run that was begun this lately may be missing from what the platform answers
LATE_S = 300.0  #: after the last job left training
SELDOM_S = 30.0
FIELDS = ("id", "v", "state", "run_id", "lease", "lease_until", "deployment", "since", "rev")


class RunWatch:
    """Remembers what it saw of each run, so that a run that did not change costs nothing."""

    def __init__(self, store: Store, platform: Platform, patience: Patience, period_s: float) -> None:
        self._store = store
        self._platform = platform
        self._patience = patience
        self._period_s = period_s
        self._seen: dict[str, Run] = {}
        self._listed: dict[str, Run] = {}
        self._awake_until = self._asked = 0.0

    @resting_collector()
    def poll(self) -> bool:
        """One list call for all jobs in training; False when the platform did not answer."""
        counts = self._store.training()
        if not self._worth_asking(counts):
            return True
        try:
            runs = self._platform.runs()
        except HintrelayError as exc:
            log.warning("runs_not_listed", reason=exc.message)
            return False
        changed = [run for run in runs if (seen := self._seen.get(run.id)) is not run and seen != run]
        if changed:
            self._apply(changed)
        self._listed = {run.id: run for run in runs}
        self._seen = {run_id: seen for run_id, seen in self._seen.items() if run_id in self._listed}
        self._store.look_now(self._patience.missing(self._listed))
        self._rest(counts)
        return True

    def lists(self, job: Job) -> bool:
        """Whether the list shows the job's run, so that every change of it is seen there."""
        return job.run_id in self._listed

    def _rest(self, counts: Counts) -> None:
        """When nothing can change for more than a tick, no tick asks until then, on no machine."""
        wait_s = self._patience.wait_s(counts.jobs, self._listed, self._platform.left_s)
        if wait_s > self._period_s:
            self._store.rest(counts, wait_s - self._period_s / 2)  # it ends between two ticks
            log.debug("runs_rest", seconds=round(wait_s, 1))

    def _worth_asking(self, counts: Counts) -> bool:
        """While jobs train, but for rests; and now and then for a while after: a run whose creation was in doubt may
        show late."""
        now = time.monotonic()
        if counts.jobs:
            if counts.resting and self._listed:
                return False
            self._awake_until = now + LATE_S
        elif now > self._awake_until or now - self._asked < SELDOM_S:
            return False
        self._asked = now
        return True

    def look(self, job: Job, now: int) -> bool:
        """Look at one job's run once more, with a question where the list lacks it; whether the job was moved on.

        A change can have been seen before the job trained by that run: `retry` takes a finished run up again.
        """
        assert job.run_id is not None, "a job in training has a run"
        if job.run_id in self._listed:
            run = self._listed[job.run_id]
            self._patience.trains(job.run_id, job.id)
            return run.status is not RunStatus.ACTIVE and self._one(job, run)
        try:
            run = self._platform.run(job.run_id)
        except Absent:
            if now - job.since < YOUNG_MS:
                return False
            return self._fail(job, "run_gone", f"the platform does not know the run {job.run_id} any more")
        except HintrelayError as exc:
            log.warning("run_not_read", job=job.id, run_id=job.run_id, reason=exc.message)
            return False
        return self._one(job, run)

    def _apply(self, runs: Sequence[Run]) -> None:
        owners = self._store.jobs_of_runs([run.id for run in runs])
        jobs = {job.id: job for job in self._store.many({i for ids in owners for i in ids}, FIELDS)}
        calm: list[tuple[Run, Job]] = []
        for run, ids in zip(runs, owners, strict=True):
            known = [jobs[job_id] for job_id in ids if job_id in jobs]
            training = [job for job in known if job.state is JobState.TRAINING and job.run_id == run.id]
            if not known:
                self._stray(run)
            elif run.status in {RunStatus.ACTIVE, RunStatus.DONE}:
                calm += [(run, job) for job in training]
            elif training:
                self._all_ended_badly(training, run)
            if known and not training:
                self._patience.ended(run.id)
                if not any(job.state in _UNSETTLED for job in known):
                    self._seen[run.id] = run
        self._write(calm)

    def _settled(self, run: Run, job: Job) -> None:
        if run.status is RunStatus.ACTIVE:
            self._patience.trains(run.id, job.id)
        else:
            self._patience.ended(run.id)

    def _all_ended_badly(self, jobs: Sequence[Job], listed: Run) -> None:
        """One question for all that train by a run that ended badly."""
        run = self._story(listed)
        moved = [self._ended_badly(job, run) for job in jobs] if run is not None else [False]
        if all(moved):
            self._seen[listed.id] = listed
            self._patience.ended(listed.id)

    def _write(self, calm: Sequence[tuple[Run, Job]]) -> None:
        """Changes that need no further question, in one round trip."""
        if not calm:
            return
        pipe = self._store.pipeline()
        for run, job in calm:
            self._observe(job, run, pipe) if run.status is RunStatus.ACTIVE else self._trained(job, run, pipe)
        for (run, job), done in zip(calm, self._store.execute(pipe), strict=True):
            if done:
                self._seen[run.id] = run
                self._settled(run, job)
                log.info("run_observed", job=job.id, run_id=run.id, status=run.word)

    def _one(self, job: Job, run: Run) -> bool:
        """Take in one run's status, with a question for the story of a bad end; whether the job was moved."""
        match run.status:
            case RunStatus.ACTIVE:
                self._observe(job, run)
                return False
            case RunStatus.DONE:
                return self._trained(job, run)
        story = self._story(run)
        return story is not None and self._ended_badly(job, story)

    def _observe(self, job: Job, run: Run, pipe: Any = None) -> bool:
        seen = self._seen.get(run.id)
        facts = {"status": run.word, "progress": run.progress or None}
        event = "run_status_changed" if seen is None or seen.word != run.word else ""
        return self._store.note(job.id, facts, run_id=run.id, event=event, data={"status": run.word}, pipe=pipe)

    def _trained(self, job: Job, run: Run, pipe: Any = None) -> bool:
        facts = {
            "status": run.word,
            "output_name": run.output_name,
            "object_id": run.object_id,
            "adapter_id": run.adapter_id or None,
            "progress": run.progress or None,
            **_price(run),
        }
        data = {"run_id": run.id, "output_name": run.output_name}
        return self._store.move(job.id, JobState.TRAINING, JobState.TRAINED, facts, look_ms=0, data=data, pipe=pipe)

    def _story(self, listed: Run) -> Run | None:
        """The run with why it ended; None where the platform does not answer."""
        try:
            return self._platform.run(listed.id)
        except HintrelayError as exc:
            log.warning("run_not_read", run_id=listed.id, reason=exc.message)
            return None

    def _ended_badly(self, job: Job, run: Run) -> bool:
        if run.restarted_as:
            log.info("run_restarted", job=job.id, run_id=run.id, restarted_as=run.restarted_as)
            facts = {"run_id": run.restarted_as, "status": "pending", "progress": None}
            data = {"run_id": run.id, "restarted_as": run.restarted_as}
            return self._store.note(job.id, facts, run_id=run.id, event="run_restarted", data=data)
        words = run.words or "it gave no reason"
        code = "run_cancelled" if run.status is RunStatus.CANCELLED else "run_failed"
        said = {"status": run.word, **_price(run)}
        return self._fail(job, code, f"the platform's run {run.id} ended as {run.word}: {words}", said)

    def _fail(self, job: Job, code: str, message: str, said: Mapping[str, Any] | None = None) -> bool:
        """`retry` pays for another run: it resumes before the fine-tune."""
        error = {"stage": "training", "code": code, "message": message, "attempts": 1}
        facts = {"error": error, "resume": str(JobState.UPLOADED), **(said or {})}
        log.warning("job_ended", job=job.id, to="failed", code=code, reason=message)
        return self._store.move(job.id, JobState.TRAINING, JobState.FAILED, facts, data=error)

    def _stray(self, run: Run) -> None:
        """A run that no record names: somebody else's, or a second one of a job of ours. An extra one is cancelled."""
        job = self._marked(run) if run.status is RunStatus.ACTIVE else None  # who ended, however many, costs no look
        if job is None:
            self._seen[run.id] = run
            return
        if job.state in _UNSETTLED or job.wish or job.run_id == run.id:  # its own stage adopts it, stops it, just did
            return
        try:
            if self._is_extra(job, run):
                self._platform.stop_run(run.id)
                self._store.tell(job.id, "extra_run_cancelled", {"run_id": run.id, "kept": job.run_id})
                log.warning("extra_run_cancelled", job=job.id, run_id=run.id, kept=job.run_id)
                self._seen[run.id] = run
        except HintrelayError as exc:
            log.warning("extra_run_not_cancelled", job=job.id, run_id=run.id, reason=exc.message)

    def _marked(self, run: Run) -> Job | None:
        """The job of ours whose marker the run bears. One that cannot be read must not keep the others waiting."""
        match = MARKER.search(run.suffix)
        try:
            job = self._store.get(match[1]) if match else None
            return job if job is not None and job.marker == run.suffix else None
        except NotFound:
            return None
        except (*UNREADABLE, Permanent) as exc:  # Permanent: its spec is lost
            log.warning("record_not_read", run_id=run.id, reason=repr(exc))
            return None

    def _is_extra(self, job: Job, run: Run) -> bool:
        if job.finished and job.state is not JobState.SUCCEEDED:
            return True
        if not job.run_id:
            return False
        kept = self._platform.run(job.run_id)
        return kept.restarted_as != run.id and kept.status in {RunStatus.ACTIVE, RunStatus.DONE}


def _price(run: Run) -> dict[str, int]:
    """What the run cost. A platform that tells none, or nothing, has told no price."""
    return {"price": run.price} if run.price else {}


#: states in which the finetune stage itself looks for runs
_UNSETTLED = frozenset({JobState.ACCEPTED, JobState.PREPARED, JobState.UPLOADED})
