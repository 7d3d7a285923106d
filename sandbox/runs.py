"""The fine-tuning runs: their rows, and the list that serves them all."""

import math
from bisect import bisect_right, insort
from dataclasses import asdict, replace
from typing import Any, NamedTuple
from uuid import uuid4

from . import run_views
from .clock import Clock
from .errors import PlatformError
from .life import FINAL, next_step
from .run import Counted, Run
from .state import State

KIND = "run"


class _Item(NamedTuple):
    """A serialised list item, good until the clock says something else."""

    fixed: bytes
    body: bytes
    until: float


class Runs:
    """All runs, in memory and in the state."""

    def __init__(self, state: State, clock: Clock, train_seconds: float) -> None:
        self._state = state
        self._clock = clock
        self._train_seconds = train_seconds
        self._all: dict[str, Run] = {}
        self._names: dict[str, str] = {}  # output name, registry id -> run id
        self._ends: list[tuple[float, str]] = []  # when runs complete, and their ids; sorted
        self._items: dict[str, _Item] = {}
        for row in state.rows(KIND):
            self._know(Run(**row))

    def get(self, run_id: str) -> Run:
        """A run, or the platform's 404; a successor is unknown before its time."""
        run = self._all.get(run_id)
        if run is None or run.created_at > self._clock.now():
            raise PlatformError(404, f"No such fine-tune job: {run_id}", param="id")
        return run

    def create(
        self,
        request: dict[str, Any],
        counted: Counted,
        plan: str = "ok",
        message: str | None = None,
        lag: float = 0,
    ) -> Run:
        """Make a run; a restart's successor is made with it and begins when the first one ends."""
        now, seconds = self._clock.now(), self._clock.takes(self._train_seconds)
        run = Run(
            id=f"ft-{uuid4()}",
            created_at=now,
            seconds=seconds,
            plan=plan,
            visible_at=now + lag,
            request=request,
            message=message,
            **counted,
        )
        if plan == "restart":
            run = replace(run, successor=self._succeed(run).id)
        return self._keep(run)

    def _succeed(self, run: Run) -> Run:
        begins = run.steps[-1].at
        return self._keep(
            replace(run, id=f"ft-{uuid4()}", created_at=begins, visible_at=begins, plan="ok", message=None)
        )

    def cancel(self, run_id: str) -> Run:
        """Ask for the end of a run; 400 when it has ended."""
        run, now = self.get(run_id), self._clock.now()
        status = run.status(now)
        if status in FINAL:
            raise PlatformError(400, f"Fine-tune job {run_id} is {status} already", param="id")
        if run.cancel_at is not None:
            return run
        if run.successor is not None:
            self._drop(run.successor)
        return self._keep(replace(run, cancel_at=now, successor=None))

    def delete(self, run_id: str, force: bool) -> None:
        """Forget a run that has ended, or any with force."""
        status = self.get(run_id).status(self._clock.now())
        if status not in FINAL and not force:
            raise PlatformError(400, f"Fine-tune job {run_id} is {status}: cancel it first, or use force")
        self._drop(run_id)

    def by_output(self, name: str) -> Run | None:
        """The run of that id, or that makes the model of that name or registry id; completed or not."""
        run = self._all.get(self._names.get(name, name))
        return None if run is None or run.created_at > self._clock.now() else run

    def last_completed(self) -> Run | None:
        """The run that completed most recently."""
        place = bisect_right(self._ends, self._clock.now(), key=lambda end: end[0])
        return self._all[self._ends[place - 1][1]] if place else None

    def listing(self) -> bytes:
        """The answer to `GET fine-tunes`: what has not changed since is not serialised again."""
        now = self._clock.now()
        shown = (self._item(run, now) for run in self._all.values() if run.visible_at <= now)
        return b'{"data":[' + b",".join(shown) + b"]}"

    def _item(self, run: Run, now: float) -> bytes:
        item = self._items.get(run.id)
        if item is None or now >= item.until:
            fixed = run_views.fixed_json(run) if item is None else item.fixed
            item = _Item(fixed, run_views.truncated_json(run, now, fixed), _good_until(run, now))
            self._items[run.id] = item
        return item.body

    def _keep(self, run: Run) -> Run:
        self._forget(run.id)
        self._state.put(KIND, run.id, asdict(run))
        self._know(run)
        return run

    def _drop(self, run_id: str) -> None:
        self._state.drop(KIND, run_id)
        self._forget(run_id)
        self._all.pop(run_id, None)

    def _know(self, run: Run) -> None:
        self._all[run.id] = run
        self._names[run.output_name] = self._names[run.object_id] = run.id
        if run.steps[-1].status == "completed":
            insort(self._ends, (run.steps[-1].at, run.id))

    def _forget(self, run_id: str) -> None:
        """Drop what was derived from a run; its place in the list stays for a new version of it."""
        self._items.pop(run_id, None)
        run = self._all.get(run_id)
        if run is not None and run.steps[-1].status == "completed":
            self._ends.remove((run.steps[-1].at, run.id))


def _good_until(run: Run, now: float) -> float:
    """When the item changes next: at the next status, or when another second is gone."""
    ahead = next_step(run.steps, now)
    if ahead is None:
        return math.inf
    return ahead.at - (math.ceil(ahead.at - now) - 1)
