"""What the demo does, and how it tells of it: plain lines with the seconds since it began."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from common.durations import spoken
from common.errors import Permanent
from common.events import Event
from common.job import Job
from common.keys import QUEUE_INBOX
from common.printable import printable
from common.signing import sign
from common.states import FINISHED, JobState
from producer.cli import rail
from producer.cli.demo.scene import Scene, whole_environment

if TYPE_CHECKING:
    from producer.client import Producer

LATE_S = 2.0  #: the person who deploys the last model takes so long
QUIET_S = 8.0  #: after so long without news it tells what is waited for

#: event -> its sentence, from the job as it is then and the event's facts
SENTENCES: dict[str, Callable[[Job, dict[str, Any]], str]] = {
    "data_prepared": lambda job, _: f"data prepared: {_counts(job)}",
    "file_uploaded": lambda job, _: f"training file is on the platform and valid there: {job.facts.get('file_id')}",
    "training_started": lambda job, _: f"training has started: run {job.run_id}",
    "run_status_changed": lambda _, data: f"the platform says: {data.get('status')}",
    "model_trained": lambda job, _: f"model trained: {job.facts.get('output_name')}",
    "deployment_registered": lambda job, data: f"name registered: {data.get('name') or job.deployment}",
    "model_deployed": lambda job, _: f"trained and named: hints are asked of {job.deployment}",
    "hints_generated": lambda job, _: f"hints generated: {_hints(job)}",
    "job_succeeded": lambda job, _: f"succeeded: {rail.scores(job)}",
    "attempt_failed": lambda job, data: f"an attempt failed, it is tried again: {data.get('message') or data}",
    "job_failed": lambda job, _: f"failed: {rail.sentence(job)}",
}


def _counts(job: Job) -> str:
    counts = job.facts.get("counts") or {}
    return f"{counts.get('train_rows')} rows to train on, {counts.get('test_questions')} questions to ask"


def _hints(job: Job) -> str:
    counts, wanted = job.facts.get("counts") or {}, job.spec.generate.num_of_hints
    missing = counts.get("hints_missing", 0)
    total = wanted * counts.get("test_questions", 0)
    return f"{total - missing} of {total}"


class Story:
    """Three jobs: one gets its name early, one by a message, one late."""

    def __init__(self, scene: Scene, producer: Producer, began: float, limit_s: float) -> None:
        self._scene = scene
        self._producer = producer
        self._began = began
        self._limit_s = limit_s
        self._told_at = began
        self._late: tuple[float, Job] | None = None
        self.early = self.by_message = self.late = ""
        self.events: list[Event] = []

    def tell(self, words: str, job: Job | None = None) -> None:
        """One line on stdout, at once."""
        self._told_at = time.monotonic()
        who = f"{job.id} {printable(job.name)}: " if job else ""
        click.echo(f"[{self._told_at - self._began:5.1f}s] {who}{printable(words)}")
        sys.stdout.flush()

    def play(self, ids: Sequence[str], after: str) -> None:
        """Follow the jobs to their end, doing a person's part. Raises HintrelayError when one does not succeed."""
        self.early, self.by_message, self.late = ids
        self._register_early()
        open_jobs = set(ids)
        for event in self._producer.events_log.follow(after):
            self._check()
            if event is None:
                self._quiet(sorted(open_jobs))
            elif event.job in ids:
                self._live(event)
                if event.to in FINISHED:
                    open_jobs.discard(event.job)
            self._deploy_late()
            if not open_jobs:
                break
        lost = [job for job in map(self._producer.get, ids) if job.state is not JobState.SUCCEEDED]
        if lost:
            raise Permanent(f"job {lost[0].id} is {lost[0].state}: {rail.sentence(lost[0])}")

    def _check(self) -> None:
        if not self._scene.alive:
            raise Permanent("a process ended for good; its log tells why")
        if time.monotonic() - self._began > self._limit_s:
            raise Permanent(f"not finished after {spoken(self._limit_s)}")

    def _live(self, event: Event) -> None:
        self.events.append(event)
        job = self._producer.get(event.job)
        if event.type in SENTENCES:
            self.tell(SENTENCES[event.type](job, event.data), job)
        if event.type == "training_started":
            self._scene.declare(name_for(job), str(job.run_id))
            if job.id == self.by_message:
                self._send_message(job)
        if event.type == "model_trained" and job.id == self.late:
            self._show_pending(job)

    def _quiet(self, ids: Sequence[str]) -> None:
        """Nothing happened for a while: say what is waited for."""
        if ids and time.monotonic() - self._told_at > QUIET_S:
            job = self._producer.get(ids[0])
            self.tell(rail.sentence(job), job)

    def _register_early(self) -> None:
        job = self._producer.get(self.early)
        self.tell(f"$ hintrelay deploy {job.id} {name_for(job)}      (early: nothing is trained yet)")
        self._producer.register_deployment(job.id, name_for(job))

    def _send_message(self, job: Job) -> None:
        """As any program with a Celery client, in any language, does."""
        from celery import Celery

        task, kwargs = "hintrelay.register_deployment", {"job": job.id, "name": name_for(job)}
        settings = self._scene.settings
        self.tell(f"another program sends a message, signed: {task} {kwargs}")
        with Celery(broker=settings.broker, set_as_current=False) as app:
            app.send_task(task, kwargs=sign(task, kwargs, settings.message_keys[0]), queue=QUEUE_INBOX)

    def _show_pending(self, job: Job) -> None:
        self._type("pending")
        self._late = (time.monotonic() + LATE_S, job)

    def _deploy_late(self) -> None:
        if self._late and time.monotonic() >= self._late[0]:
            job, self._late = self._late[1], None
            self._type("deploy", job.id, name_for(job))

    def _type(self, *words: str) -> None:
        """Run a command as a person would, and show what it prints."""
        self.tell(f"$ hintrelay {' '.join(words)}")
        argv = [sys.executable, "-m", "producer.cli", *words]
        env = whole_environment(self._scene.env)
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
        for line in (done.stdout + done.stderr).splitlines():
            click.echo(" " * 9 + line)
        if done.returncode:
            raise Permanent(f"hintrelay {words[0]} ended with exit code {done.returncode}")


def name_for(job: Job) -> str:
    """The name that a person gives to the job's deployment."""
    return f"demo/{printable(job.name)}"
