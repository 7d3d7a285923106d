"""generate: hints for the test questions, asked of the deployed model, stored in pieces as they come."""

from __future__ import annotations

from common.backoff import full_jitter
from common.dataset import rows
from common.errors import Permanent, Transient
from common.job import Job
from common.outcomes import Advance, Outcome, Reject, Snooze
from common.states import JobState
from worker.asking import ask, with_hints
from worker.ports import Desk, Ports
from worker.window import Resting
from worker.written import questions


def generate(job: Job, ports: Ports, desk: Desk) -> Outcome:
    """A window of `generate.batch_size` requests slides over the questions; what is stored is not asked again."""
    spec, name = job.spec, job.deployment
    assert name is not None, "a deployed job has a name"
    subset = questions(job, ports)
    asked = list(rows(subset["instances"], spec.dataset.source))
    stored = desk.kept()
    todo = [row for row in asked if row.id not in stored]
    done = len(asked) - len(todo)
    desk.progress(done, len(asked))

    def keep(pieces: dict[str, str]) -> None:
        nonlocal done
        desk.keep(pieces)
        done += len(pieces)
        desk.progress(done, len(asked))
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
    document, told = with_hints(subset, desk.kept(), spec.dataset.test)
    hints = ports.artifacts.put(document)
    return Advance(JobState.GENERATED, {"hints": hints.dump(), "counts": {**(job.facts.get("counts") or {}), **told}})


def _start_again(why: str, name: str) -> Outcome:
    """`retry` gets another endpoint, and asks what was not answered."""
    message = f"the endpoint {name} ended before all questions were answered: {why}; answers are kept"
    gone = {"deployment": None, "endpoint": None, "endpoint_id": None}
    return Reject(message, code="endpoint_ended", resume=JobState.TRAINED, facts=gone)
