"""Slots: how many runs the relay has at the platform at once, over all workers and machines.

How many are under way is read off the records: what is in training by a run of its own, and what may be paid now. A
slot is taken in the script that writes the intent to pay, and is of no more account once its job is in training or has
ended: whoever dies in between, none is lost and none is given twice. A job that finds no slot waits in a line that
costs nothing, and is made due when its turn comes.
"""

from __future__ import annotations

from common.connection import Client, reaching
from common.job import Lease
from common.keys import Keys
from common.printable import storable
from common.records import Clock, Records
from common.scripts import Scripts
from common.states import JobState

ANY_NUMBER = 999_999  #: runs; a job without a limit of its own
INDEXES = [Keys.state(JobState.UPLOADED), Keys.state(JobState.TRAINING), Keys.joined]


class Slots(Records):
    """The part of the job store that knows of slots."""

    def __init__(self, client: Client, *, url: str = "", clock: Clock | None = None) -> None:
        super().__init__(client, url=url, clock=clock)
        self._scripts = Scripts(client)

    def admit(self, lease: Lease, most: int | None) -> tuple[str, int]:
        """Take a slot and write the intent, where fewer than `most` runs are under way.

        (admitted, full or lost; where it is full, how many are under way).
        """
        args = [self._now(), lease.job_id, lease.token, "" if most is None else most]
        keys = [Keys.job(lease.job_id), Keys.slots, Keys.slot_line, *INDEXES]
        with reaching(self.url):
            word, *more = self._scripts.admit(keys=keys, args=args)
        return word, int(more[0]) if more else 0

    def await_slot(self, lease: Lease, most: int | None, sentence: str) -> bool:
        """Give a job back until its turn for a slot comes. `most` is its own limit. False when the lease was lost."""
        args = [self._now(), lease.job_id, lease.token, most or ANY_NUMBER, storable(sentence)]
        keys = [Keys.job(lease.job_id), Keys.due, Keys.slots, Keys.slot_line, Keys.slot_turns]
        with reaching(self.url):
            return bool(self._scripts.await_slot(keys=keys, args=args))

    def yield_slot(self, job_id: str) -> None:
        """Give back the slot of a job that has nothing paid."""
        with reaching(self.url):
            self.client.zrem(Keys.slots, job_id)

    def hand_on(self, most: int | None) -> list[str]:
        """Give free slots to those whose turn it is; their ids, due at once. `most` is the limit for all jobs."""
        keys = [Keys.slots, Keys.slot_line, Keys.slot_turns, Keys.due, *INDEXES]
        with reaching(self.url):
            return list(self._scripts.hand_on(keys=keys, args=[self._now(), "" if most is None else most]))
