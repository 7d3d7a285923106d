"""The Celery tasks: thin. A message carries a job id and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from common.broker import TICK_TASK
from common.pipeline import CANCEL, STAGES
from common.states import ROAD
from worker.bootstrap import Machine
from worker.runner import Ran, Then
from worker.tick import tick_quietly

POSITION = {STAGES[state].task: ROAD.index(state) for state in ROAD if state in STAGES}


def register(app: Any, machine: Callable[[], Machine]) -> None:
    """Make the tasks of `app`; `machine` gives this process's parts."""
    for step in (*STAGES.values(), CANCEL):
        _stage_task(app, machine, step.name, step.task)

    @app.task(name=TICK_TASK)  # type: ignore[untyped-decorator]  # Celery is untyped
    def tick() -> None:
        found = machine().tick
        if found is not None:
            tick_quietly(found)


def _stage_task(app: Any, machine: Callable[[], Machine], stage: str, task: str) -> None:
    @app.task(name=task, bind=True)  # type: ignore[untyped-decorator]  # Celery is untyped
    def run(self: Any, job_id: str) -> None:
        ran = machine().runner.run(job_id, stage, {later["task"] for later in self.request.chain or ()})
        self.request.chain = chain_after(self.request.chain, ran)


def chain_after(chain: list[dict[str, Any]] | None, ran: Ran) -> list[dict[str, Any]] | None:
    """What is left of the chain that carried a message: without the stages that this worker went on with itself.

    Celery keeps the rest in reverse order and sends its last one when the task has returned.
    """
    if ran.then is Then.END or not chain:
        return None
    if ran.state is None:
        return chain
    here = ROAD.index(ran.state)
    return [signature for signature in chain if POSITION.get(signature["task"], -1) >= here] or None
