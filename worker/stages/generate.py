"""generate: hints for the test questions, asked of the deployed model, stored in pieces as they come."""

from __future__ import annotations

from pathlib import Path

from common.backoff import full_jitter
from common.dataset import rows
from common.errors import Permanent, Transient
from common.job import Job
from common.outcomes import Advance, Outcome, Reject, Snooze
from common.states import JobState
from worker.asking import Hinted, ask
from worker.ports import Desk, Ports
from worker.window import Resting
from worker.written import Instances


def generate(job: Job, ports: Ports, desk: Desk) -> Outcome:
    """A window of `generate.batch_size` requests slides over the questions; what is stored is not asked again.

    Questions are read as they are asked, answers as they are written: memory holds their ids and what is under way.
    """
    pointer = job.pointer("questions")
    assert pointer is not None, "a prepared job has questions"
    with ports.artifacts.scratch() as folder:
        return _generate(job, ports, desk, Instances(ports.artifacts.local(pointer, ".json", folder)), folder)


def _generate(job: Job, ports: Ports, desk: Desk, asked: Instances, folder: Path) -> Outcome:
    spec, name = job.spec, job.deployment
    assert name is not None, "a deployed job has a name"
    stored = desk.kept_ids()
    ids = [row_id for row_id, _ in asked]
    done, total = sum(row_id in stored for row_id in ids), len(ids)
    todo = rows(((row_id, instance) for row_id, instance in asked if row_id not in stored), spec.dataset.source)
    desk.progress(done, total)

    def keep(pieces: dict[str, str]) -> None:
        nonlocal done
        desk.keep(pieces)
        done += len(pieces)
        desk.progress(done, total)
        desk.check()

    try:
        ask(todo, name, spec.generate, ports.hint_model, keep)
    except (Transient, Permanent) as exc:
        ended = desk.endpoint_ended()
        if ended is not None:
            return _start_again(ended, name)
        if not isinstance(exc, Resting):
            raise
        # it gets on: that is waiting, not failing
        return Snooze(full_jitter(1, after_s=exc.after_s), f"the model paused: {exc.message}")
    hinted = Hinted(asked, desk.kept_of, spec.dataset.test)
    path = folder / "hints.json"
    with path.open("wb") as file:
        file.writelines(hinted)
    hints = ports.artifacts.put_file(path)
    counts = {**(job.facts.get("counts") or {}), **hinted.counts}
    return Advance(JobState.GENERATED, {"hints": hints.dump(), "counts": counts})


def _start_again(why: str, name: str) -> Outcome:
    """`retry` gets another endpoint, and asks what was not answered."""
    message = f"the endpoint {name} ended before all questions were answered: {why}; answers are kept"
    gone = {"deployment": None, "endpoint": None, "endpoint_id": None}
    return Reject(message, code="endpoint_ended", resume=JobState.TRAINED, facts=gone)
