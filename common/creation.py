"""New jobs: made ready batch by batch, and stored, each batch whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from common.claims import Claims
from common.connection import Client, reaching
from common.drafts import Drafts, Group, NewJob
from common.errors import Conflict
from common.overlap import one_ahead
from common.paging import pages
from common.records import Clock
from common.transaction import Transaction

BATCH = 200  #: jobs in one round trip; Redis takes some 5 ms for these, and serves nobody else meanwhile
FIRST_LOOK_MS = 10_000  #: a new job whose chain was sent is looked at by the tick only then


@dataclass(frozen=True, slots=True)
class Stored:
    """The job that `create` made, or found under the key."""

    job_id: str
    created: bool


class Creation(Claims):
    """Jobs that come to be. `url` only names Redis in errors; `actor` stands in the events."""

    def __init__(
        self,
        client: Client,
        *,
        url: str = "",
        actor: str = "",
        events_kept: int = 1_000_000,
        nudge_ms: int = FIRST_LOOK_MS,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(client, url=url, actor=actor, clock=clock)
        self.nudge_ms = nudge_ms  #: a message that was sent and led to nothing for so long counts as lost
        self._kept = str(events_kept)

    def create(self, jobs: Iterable[NewJob], *, first_look_ms: int | None = None) -> list[Stored]:
        """Store jobs, in batches of one round trip, each whole or not at all; while Redis stores one the next is made.
        Raises Conflict when a key already has a job of other content."""
        head = [self._now(), self.nudge_ms if first_look_ms is None else first_look_ms, self._kept, self.actor]
        drafts, stored = Drafts(), []

        def send(made: tuple[list[NewJob], list[Group]]) -> _Sent:
            batch, groups = made
            calls = [(group.keys, [*head, *group.args]) for group in groups]
            return _Sent(batch, Transaction(self.client, self._scripts.create, calls))

        with reaching(self.url):
            for answers in one_ahead(pages(jobs, BATCH), lambda batch: (batch, drafts.groups(batch)), send):
                for job, answer in answers:
                    while answer[0] == "taken":  # two jobs drew the same 8 hex digits
                        ((_, answer),) = send(([job], drafts.groups([job]))).answer()
                    stored.append(_stored(job, *answer))
        return stored


@dataclass(frozen=True, slots=True)
class _Sent:
    """Jobs on their way to Redis."""

    jobs: Sequence[NewJob]
    transaction: Transaction

    def answer(self) -> list[tuple[NewJob, tuple[str, str]]]:
        """What became of each: a word, and the id."""
        return list(zip(self.jobs, chain.from_iterable(self.transaction.answer()), strict=True))

    def drop(self) -> None:
        self.transaction.drop()


def _stored(job: NewJob, word: str, job_id: str) -> Stored:
    if word == "conflict":
        raise Conflict(
            f"the key {job.key!r} belongs to job {job_id}, which has another spec or other data",
            hint="use another key, or submit what was submitted before",
        )
    return Stored(job_id, word == "created")
