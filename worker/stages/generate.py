"""generate: hints for the test questions, asked of the deployed model, stored in pieces as they come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import orjson

from common.backoff import full_jitter
from common.dataset import Row, rows
from common.errors import HintrelayError, Permanent, Transient
from common.job import Job
from common.outcomes import Advance, Outcome, Snooze
from common.spec import JobSpec
from common.states import JobState
from worker.ports import Answer, Desk, HintModel, Ports


def generate(job: Job, ports: Ports, desk: Desk) -> Outcome:
    """A window of `generate.batch_size` requests slides over the questions; what is stored is not asked again."""
    spec = job.spec
    subset = _subset(job, ports)
    questions = list(rows(subset["instances"], spec.dataset.source))
    stored = desk.kept()
    todo = [row for row in questions if row.id not in stored]
    desk.progress(len(stored), len(questions))
    fault, gained = _ask_all(todo, len(questions), job, ports.hint_model, desk)
    if isinstance(fault, Transient) and gained:  # it gets on: that is waiting, not failing
        return Snooze(full_jitter(1, after_s=fault.after_s), f"the model paused: {fault.message}")
    if fault is not None:
        raise fault
    hints = {row_id: json.loads(text) for row_id, text in desk.kept().items()}
    pointer = ports.artifacts.put(_hinteval(subset, hints, spec))
    shortfall = sum(max(0, one["asked"] - one["received"]) for one in hints.values())
    surplus = sum(max(0, one["received"] - one["asked"]) for one in hints.values())
    counts = {**(job.facts.get("counts") or {}), "hints_missing": shortfall, "hints_surplus": surplus}
    return Advance(JobState.GENERATED, {"hints": pointer.dump(), "counts": counts})


def _ask_all(todo: list[Row], total: int, job: Job, model: HintModel, desk: Desk) -> tuple[HintrelayError | None, int]:
    """(the fault that ended it, or None; how many answers were stored)."""
    spec, name = job.spec, job.deployment
    assert name is not None, "a deployed job has a name"
    gained = 0
    pool = ThreadPoolExecutor(spec.generate.batch_size, thread_name_prefix="ask")
    try:
        for batch, fault in _window(todo, pool, model, name, spec):
            desk.keep({row.id: json.dumps(_piece(answer, spec)) for row, answer in batch})
            gained += len(batch)
            desk.progress(total - len(todo) + gained, total)
            if fault is not None:
                return fault, gained
            desk.check()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return None, gained


Batch = list[tuple[Row, Answer]]


def _window(
    todo: list[Row], pool: ThreadPoolExecutor, model: HintModel, name: str, spec: JobSpec
) -> Iterator[tuple[Batch, HintrelayError | None]]:
    """Answers as they come; after a fault no new question is asked, and what is under way is waited for."""
    source = iter(todo)
    asked: dict[Future[Answer], Row] = {}
    fault: HintrelayError | None = None

    def ask_more() -> None:
        while fault is None and len(asked) < spec.generate.batch_size and (row := next(source, None)) is not None:
            asked[pool.submit(model.ask, name, row.question, row.answer, spec.generate)] = row

    ask_more()
    while asked:
        done, _ = wait(asked, return_when=FIRST_COMPLETED)
        batch: Batch = []
        for future in done:
            row = asked.pop(future)
            try:
                batch.append((row, future.result()))
            except HintrelayError as exc:
                fault = exc if fault is None or isinstance(exc, Permanent) else fault
        ask_more()
        yield batch, fault if not asked else None


def _piece(answer: Answer, spec: JobSpec) -> dict[str, Any]:
    """As many hints as were asked for; how many came stays known."""
    asked = spec.generate.num_of_hints
    return {"hints": list(answer.hints[:asked]), "asked": asked, "received": len(answer.hints)}


def _hint(text: str) -> dict[str, Any]:
    return {"hint": text, "source": None, "entities": [], "metrics": {}, "metadata": {}}


def _subset(job: Job, ports: Ports) -> dict[str, Any]:
    pointer = job.pointer("questions")
    assert pointer is not None, "a prepared job has questions"
    subset: dict[str, Any] = orjson.loads(ports.artifacts.get(pointer))
    return subset


def _hinteval(subset: dict[str, Any], hints: dict[str, Any], spec: JobSpec) -> bytes:
    """The questions as they were, with the model's hints in place of the people's; HintEval JSON of one subset."""
    instances = {}
    for row_id, instance in subset["instances"].items():
        piece = hints[row_id]
        metadata = {**(instance.get("metadata") or {}), "hintrelay": {k: piece[k] for k in ("asked", "received")}}
        instances[row_id] = {
            **instance,
            "hints": [_hint(text) for text in piece["hints"]],
            "metadata": metadata,
        }
    return orjson.dumps({"name": spec.dataset.test, "metadata": {}, "instances": instances})
