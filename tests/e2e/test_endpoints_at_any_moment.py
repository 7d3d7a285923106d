"""All of hintrelay is killed at moments drawn from a seed, on the second stand-in: nothing stays, the bill adds up."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.ledger import Ledger
from common.states import FINISHED, JobState
from tests.e2e.installation import Installation
from tests.e2e.stack import eventually
from tests.e2e.standin_endpoints import EndpointStandIn, Fault
from tests.invariants import assert_invariants, assert_ledger

pytestmark = [pytest.mark.xdist_group("endpoints"), pytest.mark.timeout(300)]

JOBS = 6
MOMENTS = {
    "creation": r"POST /v2/projects/prj-1/endpoints",
    "deployment": r"POST .*/deployments",
    "routing": r"PATCH /v2/projects/prj-1/endpoints/[^/]+",
    "list": r"GET /v2/projects/prj-1/endpoints",
    "generation": r"POST /v1/chat/completions",
    "stop": r"PATCH .*/deployments/[^/]+",
    "deletion": r"DELETE .*",
}


class AnyMoment(Installation):
    """Two workers and a beat over the stand-in."""

    def __init__(self, folder: Path) -> None:
        self.platform = EndpointStandIn(page=2, lag_s=1.0, provision_s=3.0, stop_s=1.5, chat_delay_s=0.2)
        super().__init__(folder, self.platform.url, workers=2, endpoints=JOBS)
        self.start()

    def restart_redis(self) -> None:
        self.stack.kill("valkey")
        self.stack.start_valkey()

    def seen(self, pattern: str) -> int:
        return sum(re.fullmatch(pattern, f"{method} {path}") is not None for method, path in self.platform.requests[:])

    def wait_for(self, moment: str, count: int) -> None:
        """Until so many more requests of that kind have come, or no job is left that makes any."""
        producer, until = self.stack.producer(), self.seen(MOMENTS[moment]) + count
        eventually(
            lambda: self.seen(MOMENTS[moment]) >= until or all(job.state in FINISHED for job in producer.list()),
            f"{count} of {moment}: {self.stack.tail()}",
        )

    def close(self) -> None:
        self.stack.stop()
        self.platform.close()


@pytest.fixture
def there(tmp_path: Path) -> Iterator[AnyMoment]:
    made = AnyMoment(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_whenever_all_is_killed_nothing_stays_and_the_ledger_equals_the_bill(there: AnyMoment, seed: int) -> None:
    draw = random.Random(seed)
    there.platform.faults = [
        Fault(draw.choice(list(MOMENTS.values())), draw.choice(["after", "before"])) for _ in range(3)
    ]
    there.platform.faults.append(Fault(MOMENTS["stop"], "ignored", 2))
    there.submit(JOBS, mode="auto", max_minutes=30)
    for moment in draw.sample(sorted(MOMENTS), 3):
        there.wait_for(moment, draw.randint(1, JOBS - 1))
        there.kill()
        if draw.random() < 0.5:
            there.restart_redis()
        there.start()
    ended = there.stack.until_all_ended(120)
    assert {job.state for job in ended} == {JobState.SUCCEEDED}, [(job.id, job.error) for job in ended]
    eventually(lambda: there.platform.running() == 0, "nothing runs", 60)
    store = there.stack.producer().store
    ledger = Ledger.beside(store)
    eventually(lambda: not ledger.running(), "the ledger knows", 30)
    assert there.platform.endpoints == {}
    assert sum(one.minutes or 0 for one in ledger.closed()) == there.platform.minutes() > 0
    assert len(there.platform.deployments()) == len([one for one in ledger.closed() if one.minutes])
    assert_ledger(store, ledger)
    assert_invariants(store)
