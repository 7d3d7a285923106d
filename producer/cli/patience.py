"""Reading again and again while Redis may be away for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import click

from common.durations import seconds
from common.errors import NotFound, Unreachable
from common.events import Event
from common.job import LISTED, Job
from producer.cli.context import Tools
from producer.cli.output import say

PATIENCE_S = 30.0  #: Redis may be away for so long
POLL_S = 0.5  #: between two looks
SHARE = 20  #: at many jobs a look takes its time: so many times that goes by until the next one
LONGEST_POLL_S = 10.0
T = TypeVar("T")


def duration(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """An option's value such as 90s, 30m, 2h as seconds."""
    try:
        return None if value is None else seconds(value)
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc


class Patience:
    """Forgives a Redis that is away, for 30 s on end."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._lost_at: float | None = None

    def ask(self, read: Callable[[], T]) -> T | None:
        """What `read` gives; None while Redis is away. Raises Unreachable when it stays away."""
        try:
            answer = read()
        except Unreachable as exc:
            self.forgive(exc)
            return None
        self._lost_at = None
        return answer

    def forgive(self, exc: Unreachable) -> None:
        now = self._tools.clock()
        if self._lost_at is None:
            self._lost_at = now
            say(f"{exc.message}; waiting for it to come back")
        if now - self._lost_at > PATIENCE_S:
            raise exc

    def answered(self) -> None:
        self._lost_at = None


class JobReader:
    """Looks at a fixed set of jobs, a round trip for a thousand; those that have ended are not read again."""

    def __init__(self, tools: Tools, ids: Sequence[str], fields: Sequence[str] = LISTED) -> None:
        self._tools = tools
        self._store = tools.producer.store
        self._fields = fields
        self._patience = Patience(tools)
        self._ids = list(dict.fromkeys(ids))
        self._known: dict[str, Job] = {}
        self._took = 0.0  #: s, the last look

    def look(self) -> list[Job] | None:
        """All the jobs, in their order; None when Redis is away and was never reached. Raises NotFound."""
        open_ids = [i for i in self._ids if i not in self._known or not self._known[i].finished]
        begun = self._tools.clock()
        found = self._patience.ask(lambda: self._store.many(open_ids, self._fields))
        self._took = self._tools.clock() - begun
        if found is not None:
            gone = set(open_ids) - {job.id for job in found}
            if gone:
                raise NotFound(f"job {sorted(gone)[0]} is gone from Redis")
            self._known.update((job.id, job) for job in found)
        return [self._known[i] for i in self._ids] if len(self._known) == len(self._ids) else None

    def rest(self, until: float | None) -> None:
        """Until the next look: to wait for thousands of jobs for hours keeps neither this machine nor Redis busy."""
        pause_s = min(max(POLL_S, SHARE * self._took), LONGEST_POLL_S)
        left_s = pause_s if until is None else until - self._tools.clock()
        self._tools.sleep(max(POLL_S, min(pause_s, left_s)))


def follow(tools: Tools, after: str) -> Iterator[Event | None]:
    """Events after entry `after`, as EventLog.follow gives them; goes on when Redis comes back."""
    patience = Patience(tools)
    while True:
        try:
            for event in tools.producer.events_log.follow(after):
                patience.answered()
                after = event.id if event else after
                yield event
        except Unreachable as exc:
            patience.forgive(exc)
            tools.sleep(POLL_S)
            yield None
