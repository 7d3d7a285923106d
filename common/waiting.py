"""The one sentence that says what a job waits for, since when, until when, and who can act."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from common.job import Job
from common.pipeline import CANCEL, STAGES
from common.states import JobState


def waiting(job: Job, now_ms: int | None = None) -> str | None:
    """The sentence; None for a finished job. Times are local, HH:MM."""
    now = int(time.time() * 1000) if now_ms is None else now_ms
    if job.finished:
        return None
    if job.wish and not job.leased(now):
        return "waits for the next worker to cancel it" + (", its run on the platform too" if job.run_id else "")
    if job.leased(now):
        ending = " and is to be cancelled then" if job.wish else ""
        return f"{job.stage} is at work on {job.owner}{_share(job)}{ending}"
    if 0 < job.deadline <= now:
        return f"waits for the next worker to end it: its deadline was at {_at(job.deadline)}"
    seeks = job.state is JobState.TRAINED and not job.deployment and job.facts.get("mode") == "detect"
    turn = bool(job.snooze) and not job.not_before  # without a time: it waits for its turn
    if (turn or job.not_before > now) and not (seeks and job.attempt == 1):
        return _deferred(job)
    return _resting(job)


def held(job: Job, now_ms: int | None = None) -> str | None:
    """For want of what a job waits before it pays: budget (its batch's), platform (the account's); else None."""
    now = int(time.time() * 1000) if now_ms is None else now_ms
    if job.finished or job.wish or job.leased(now) or job.not_before <= now:
        return None
    return job.facts.get("held")


def needs_a_person(job: Job) -> bool:
    """Whether nothing moves the job on but somebody: who registers a name, or another one, deploys the model, or raises
    the budget."""
    if held(job) == "budget":
        return True
    if job.state is not JobState.TRAINED or job.wish:
        return False
    return bool(job.facts.get("refusal")) if job.deployment else job.facts.get("mode") != "auto"


def command_for(job: Job) -> str:
    """What a person types to move the job on."""
    if job.facts.get("held") == "budget":
        return job.snooze[job.snooze.rfind("hintrelay budget") :]
    return f"hintrelay deploy {job.id} NAME"


def _deferred(job: Job) -> str:
    stage = STAGES[job.state].name if job.state in STAGES else CANCEL.name
    if job.attempt > 1 and job.snooze.startswith("attempt"):
        return f"{stage} is tried again at {_at(job.not_before, seconds=True)}: {job.snooze}"
    if held(job):
        return f"held: {job.snooze}"
    if not job.snooze:
        return f"{stage} waits until {_at(job.not_before, seconds=True)}"
    if needs_a_person(job) and job.deployment:
        again = _at(job.not_before, seconds=True)
        return f"{stage} waits: {job.snooze}; it is asked again at {again}, or give another name: {command_for(job)}"
    return f"{stage} waits: {job.snooze}"


def _resting(job: Job) -> str:
    since = f"since {_at(job.since)}"
    if job.state is JobState.TRAINING:
        return f"trains on the platform ({_run(job)}) {since}, until {_at(job.deadline)} at most; run {job.run_id}"
    if job.state is JobState.TRAINED and not job.deployment and job.facts.get("mode") != "auto":
        return f"waits for {_sought(job)} {since}: {command_for(job)}"
    step = STAGES[job.state]
    return f"waits for a worker of the queue {step.queue.partition('.')[2]} to {step.name}, {since}"


def _sought(job: Job) -> str:
    if job.facts.get("mode") == "detect":
        return f"an endpoint that serves {job.facts.get('output_name') or 'its model'}, or a deployment name,"
    return "a deployment name"


def _run(job: Job) -> str:
    progress: dict[str, Any] = job.facts.get("progress") or {}
    words = [str(job.facts.get("status") or "just started")]
    if progress.get("epochs") is not None and progress.get("epochs_total"):
        words.append(f"epoch {progress['epochs']} of {progress['epochs_total']}")
    if progress.get("queue_depth"):
        words.append(f"{progress['queue_depth']} before it")
    if progress.get("next_state_at"):
        words.append(f"next state about {_at(int(progress['next_state_at']) * 1000)}")
    return ", ".join(words)


def _share(job: Job) -> str:
    done, total = job.facts.get("done"), job.facts.get("total")
    return f" ({done} of {total})" if done is not None and total else ""


def _at(ms: int, seconds: bool = False) -> str:
    moment = datetime.fromtimestamp(ms / 1000).astimezone()
    today = datetime.now().astimezone().date() == moment.date()
    form = ("%H:%M:%S" if seconds else "%H:%M") if today else "%d %b %H:%M"
    return moment.strftime(form)
