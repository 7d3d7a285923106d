"""The relay in one process: a real store over fakeredis, the real runner and tick, fakes for all the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import fakeredis

from common.commands import Commands, Wanted
from common.connection import Client
from common.eventlog import EventLog
from common.events import Event
from common.job import Job
from common.keys import QUEUE_HINTS, QUEUE_PLATFORM, Keys
from common.ledger import Ledger
from common.pipeline import Step
from common.states import FINISHED
from common.store import Store
from tests.fakes.endpoints import FakeEndpoints
from tests.fakes.parts import FakeClock, FakeHintModel, make_ports, make_spec
from tests.fakes.platform import FakePlatform
from worker.endpoints.keeper import Bounds, Keeper
from worker.leases import LeaseKeeper
from worker.runner import Runner, Then
from worker.stages import BY_NAME, Stage
from worker.stopping import StopFlag
from worker.tick import Tick

LEASE_S = 30.0


class FakeNudges:
    """Keeps what is sent; `lose` drops it, as a broker that lost its messages."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, list[Step]]] = []
        self.lose = False
        self.full = False
        self.waiting = 0

    def send_many(self, nudges: Sequence[tuple[str, Sequence[Step]]]) -> None:
        if not self.lose:
            self.sent += [(job_id, list(steps)) for job_id, steps in nudges]

    def wake(self, job_id: str, steps: Sequence[Step], standing: int) -> None:
        self.send_many([(job_id, steps)])

    def backlog(self, queues: Sequence[str]) -> dict[str, int]:
        return dict.fromkeys(queues, 10**9 if self.full else self.waiting)


class Relay:
    """`drive` carries messages as workers would, `tick` moves the clock and ticks."""

    def __init__(
        self, folder: Path, *, stages: Mapping[str, Stage] | None = None, endpoints: Any | None = None
    ) -> None:
        self.clock = FakeClock()
        self.redis: Client = fakeredis.FakeRedis(decode_responses=True)
        self.store = Store(self.redis, actor="test", clock=self.clock.ms)
        self.nudges = FakeNudges()
        self.commands = Commands(self.store, self.nudges)
        self.platform = FakePlatform()
        self.model = FakeHintModel()
        self.stop = StopFlag()
        self.endpoints: FakeEndpoints = endpoints or FakeEndpoints(self.clock.ms)  # or an adapter to a platform
        self.ledger = Ledger.beside(self.store)
        self.workers = 0  #: hints workers that give signs of life
        self.ports = make_ports(
            folder, platform=self.platform, model=self.model, clock=self.clock, endpoints=self.endpoints
        )
        self.leases = LeaseKeeper(self.store, self.stop, lease_s=LEASE_S, limit_s=3600)
        self.runner = Runner(
            self.store,
            self.leases,
            self.ports,
            stages or BY_NAME,
            self.stop,
            self.nudges,
            queues=frozenset({QUEUE_PLATFORM, QUEUE_HINTS}),
            lease_s=LEASE_S,
        )
        self.keeper = self.new_keeper()
        self.ticker = self.new_tick()

    def new_keeper(self, most: int = 4, on: Any = None) -> Keeper:
        """Of a process that has just begun, on a platform of its own where one is given."""
        there = on or self.endpoints
        bounds = Bounds(most=most, each=2, provision_ms=1_800_000, doubt_ms=45_000)
        return Keeper(self.store, self.ledger, there, there, bounds, self.ports.prices)

    def new_tick(self, most: int = 4, keep_ms: int | None = None) -> Tick:
        self.keeper = self.new_keeper(most)
        return Tick(
            self.store,
            self.platform,
            self.nudges,
            period_s=5,
            look_s=60,
            max_backlog=1000,
            keeper=self.keeper,
            keep_ms=keep_ms,
        )

    def keep_days(self, days: float) -> None:
        """Finished jobs are forgotten after so long."""
        self.ticker = self.new_tick(keep_ms=int(days * 86_400_000))

    def submit(self, **changes: object) -> str:
        return self.commands.submit([Wanted(make_spec(**changes))])[0].job_id

    def drive(self) -> None:
        """Carry every message that was sent, and what they lead to."""
        while self.nudges.sent:
            job_id, steps = self.nudges.sent.pop(0)
            for step in steps:
                if self.runner.run(job_id, step.name).then is Then.END:
                    break

    def tick(self, after_s: float = 5.0) -> None:
        self.clock.sleep(after_s)
        if self.workers:
            self.store.sign_of_life([f"hints box:{number}" for number in range(self.workers)])
        self.redis.delete(Keys.tick)  # its expiry is by the server's clock, which the tests do not move
        self.ticker.run()

    def round(self, after_s: float = 5.0) -> None:
        self.tick(after_s)
        self.drive()

    def get(self, job_id: str) -> Job:
        return self.store.get(job_id)

    def events(self, job_id: str) -> list[Event]:
        return list(EventLog(self.redis).of_job(job_id, since_ms=0))

    def types(self, job_id: str) -> list[str]:
        return [event.type for event in self.events(job_id)]

    def check(self) -> None:
        """Every unfinished job is in `due`, every finished one is not, and no finished one has a lease."""
        due = set(self.redis.zrange(Keys.due, 0, -1))
        for job_id in self.store.ids():
            job = self.get(job_id)
            assert (job_id in due) == (job.state not in FINISHED), f"{job_id} is {job.state}"
            assert not (job.finished and job.lease_until), "a finished job has a lease"
