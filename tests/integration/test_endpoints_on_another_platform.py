"""The keeper and the real adapter against the second stand-in: whatever a platform is like, what was started ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.endpoints import EntryState
from common.job import Job
from common.states import JobState
from tests.e2e.standin_endpoints import EndpointStandIn, Fault
from tests.invariants import assert_ledger
from tests.unit.worker.endpoint_relay import EndpointRelay
from worker.adapters.together_endpoints import TogetherEndpoints

KEY = "canary-key-5b1f"


class Elsewhere:
    """A relay whose endpoints are the stand-in's, on the relay's clock."""

    def __init__(self, folder: Path) -> None:
        self.platform = EndpointStandIn()
        self.adapter = TogetherEndpoints(
            root=self.platform.url, chat_url=f"{self.platform.url}/v1", api_key=KEY, timeout_s=5.0
        )
        self.relay = EndpointRelay(folder, endpoints=self.adapter)
        self.platform.now = lambda: self.relay.clock.ms() / 1000  # type: ignore[method-assign]  # one clock
        self.started = 0.0

    def job(self, **changes: object) -> str:
        return self.relay.trained(**changes)

    def rounds(self, count: int, after_s: float = 5.0) -> None:
        self.relay.rounds(count, after_s)

    def until_ended(self, job: str, most: int = 60) -> Job:
        """Rounds of 5 s until the job has ended and the ledger has nothing left that may run."""
        for _ in range(most):
            self.rounds(1)
            if self.relay.get(job).finished and not self.relay.ledger.running():
                break
        return self.relay.get(job)

    def assert_nothing_left(self) -> None:
        assert self.platform.running() == 0
        assert self.platform.endpoints == {}
        assert not self.relay.ledger.running()
        assert sum(one.minutes or 0 for one in self.relay.ledger.closed()) == self.platform.minutes()
        assert_ledger(self.relay.store, self.relay.ledger)

    def asked(self, start: str) -> int:
        return sum(f"{method} {path}".startswith(start) for method, path in self.platform.requests)


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Elsewhere]:
    made = Elsewhere(tmp_path)
    yield made
    made.platform.close()


PLATFORMS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "deployments are not listed with the endpoint": {"inline": False},
    "no events": {"events": False},
    "no registry and no catalogue": {"catalogue": False},
    "no inactivity timeout": {"idle": False},
    "bare names": {"slug": ""},
    "a list that lags by 20 s": {"lag_s": 20.0},
    "slow to start and to stop": {"provision_s": 170.0, "stop_s": 90.0},
    "lower case": {"words": {"READY": "ready", "STOPPED": "stopped", "STOPPING": "stopping"}},
    "a new word while it starts": {"words": {"PROVISIONING": "DEPLOYMENT_STATE_WARMING_UP"}},
    "a new word while it stops": {"words": {"STOPPING": "DEPLOYMENT_STATE_DRAINING"}},
    "a new word for stopped": {"words": {"STOPPED": "DEPLOYMENT_STATE_HIBERNATED"}},
    "as little as can be": {"events": False, "catalogue": False, "idle": False, "inline": False, "slug": ""},
}


@pytest.mark.parametrize("switches", PLATFORMS.values(), ids=PLATFORMS)
def test_a_job_gets_its_endpoint_and_leaves_nothing(there: Elsewhere, switches: dict[str, Any]) -> None:
    there.platform.__dict__.update(switches)
    job = there.job()
    done = there.until_ended(job)
    assert done.state is JobState.SUCCEEDED, (done.snooze, done.error)
    assert len(there.platform.deployments()) == 1
    entry = there.relay.entry(job)
    assert (entry.state, entry.hardware, entry.price) == (EntryState.CLOSED, "it-a100", 5.0)
    there.assert_nothing_left()


ENDPOINT, DEPLOYMENT = "/v2/projects/prj-1/endpoints", r".*/deployments"
FAULTS = [
    Fault(f"POST {ENDPOINT}", "after"),
    Fault(f"POST {ENDPOINT}", "before", 2),
    Fault(f"POST {ENDPOINT}", 503),
    Fault(f"POST {ENDPOINT}", 429, 2, {"Retry-After": "7"}),
    Fault(f"POST {ENDPOINT}", "html"),
    Fault(f"POST {DEPLOYMENT}", "after"),
    Fault(f"POST {DEPLOYMENT}", "before"),
    Fault(f"POST {DEPLOYMENT}", 500, 2),
    Fault(f"POST {DEPLOYMENT}", "html"),
    Fault(f"PATCH {ENDPOINT}/[^/]+", "after", 2),
    Fault(f"PATCH {ENDPOINT}/[^/]+", "before", 2),
    Fault(f"PATCH {ENDPOINT}/[^/]+", "ignored", 2),
    Fault(f"PATCH {DEPLOYMENT}/[^/]+", "after", 2),
    Fault(f"PATCH {DEPLOYMENT}/[^/]+", "before", 2),
    Fault(f"PATCH {DEPLOYMENT}/[^/]+", "ignored", 5),
    Fault(f"PATCH {DEPLOYMENT}/[^/]+", 409, 2),
    Fault(f"PATCH {DEPLOYMENT}/[^/]+", 500, 3),
    Fault("DELETE .*", "after", 3),
    Fault("DELETE .*", "before", 3),
    Fault("DELETE .*", "ignored", 3),
    Fault("DELETE .*", "html", 2),
    Fault("DELETE .*", 500, 3),
    Fault("GET .*/events", 500, 200),
    Fault("GET .*/events", "html", 200),
    Fault(f"GET {ENDPOINT}", "html", 4),
    Fault(f"GET {ENDPOINT}", 503, 4),
    Fault(f"GET {ENDPOINT}", "before", 4),
    Fault("GET .*/configs", 500, 4),
    Fault("GET .*/whoami", 503, 4),
    Fault("POST /v1/chat/completions", 503, 3, code="routing_error"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: f"{one.pattern[-30:]} {one.how}")
def test_a_fault_of_the_platform_leaves_nothing(there: Elsewhere, fault: Fault) -> None:
    there.platform.faults = [Fault(fault.pattern, fault.how, fault.times, fault.headers, fault.code)]
    job = there.job(deploy__preflight=False)
    done = there.until_ended(job, 120)
    assert done.state is JobState.SUCCEEDED, (done.snooze, done.error)
    assert len(there.platform.deployments()) == 1
    there.assert_nothing_left()
