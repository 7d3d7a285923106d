"""The keeper and the real adapter against the second stand-in: whatever a platform is like, what was started ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.endpoints import EntryState
from common.errors import Transient
from common.job import Job
from common.states import JobState
from tests.e2e.standin_endpoints import EndpointStandIn, Fault
from tests.invariants import assert_ledger
from tests.unit.worker.endpoint_relay import EndpointRelay
from worker.adapters.together_endpoints import TogetherEndpoints
from worker.serving import Offer

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


def test_a_stop_that_does_not_stop_is_repeated_but_not_hammered(there: Elsewhere) -> None:
    there.platform.faults = [Fault(f"PATCH {DEPLOYMENT}/[^/]+", "ignored", 1000)]
    job = there.job()
    for _ in range(100):
        there.rounds(1, after_s=0.5)
        if there.relay.get(job).finished:
            break
    asked = there.asked("PATCH")
    there.rounds(240, after_s=0.5)  # two minutes of ticks
    assert 5 <= there.asked("PATCH") - asked <= 12
    there.platform.faults = []
    there.until_ended(job)
    there.assert_nothing_left()


def test_what_runs_again_after_it_read_as_stopped_is_stopped_again(there: Elsewhere) -> None:
    job = there.job()
    there.platform.faults = [Fault("DELETE .*", 409, 5)]
    for _ in range(40):
        there.rounds(1)
        one = next(iter(there.platform.deployments()), None)
        if one is not None and one.stop_at is not None and there.platform.state(one) == "STOPPED":
            break
    assert one is not None
    one.stop_at, one.made = (
        None,
        there.platform.now() - there.platform.provision_s,
    )  # somebody, or the platform, starts it
    assert there.platform.state(one) == "READY"
    there.until_ended(job)
    assert there.platform.running() == 0
    there.assert_nothing_left()


def test_an_endpoint_that_comes_back_after_it_was_closed_is_stopped_within_two_minutes(there: Elsewhere) -> None:
    job = there.job()
    there.until_ended(job)
    entry = there.relay.entry(job)
    there.adapter.create(entry.name)
    back = next(iter(there.platform.endpoints.values()))
    back.made -= 60
    there.adapter.deploy(there.adapter.endpoints()[0], there.adapter.offers("acme/base", base=True)[0], 30)
    next(iter(back.deployments.values())).made -= 60
    assert there.platform.running() == 1
    there.rounds(24)
    assert there.platform.running() == 0
    there.rounds(6)
    assert there.platform.endpoints == {}
    assert there.relay.entry(job).state is EntryState.CLOSED


def test_an_empty_list_ends_nothing_that_is_there_by_its_id(there: Elsewhere) -> None:
    job = there.job(limits__max_attempts=100)
    there.relay.model.faults["What is test1?"] = Transient("the model paused", after_s=300.0)
    for _ in range(20):
        there.rounds(1)
        if there.relay.get(job).state is JobState.DEPLOYED:
            break
    there.platform.lag_s = 1e9  # the list shows nothing
    there.rounds(8)
    assert there.relay.entry(job).state is EntryState.RUNNING
    there.relay.model.faults.clear()
    assert there.until_ended(job, 120).state is JobState.SUCCEEDED
    there.assert_nothing_left()


REFUSALS = [
    (Fault(f"POST {ENDPOINT}", 403, 99, {}, "endpoints_v1_create_access_disabled", "no access"), "no access"),
    (Fault(f"POST {DEPLOYMENT}", 403, 99, {}, "forbidden", "not this project"), "not this project"),
    (Fault(f"POST {DEPLOYMENT}", 402, 99, {}, "insufficient_balance", "Required balance: 4.00 USD"), "4.00 USD"),
    (Fault(f"POST {DEPLOYMENT}", 400, 99, {}, "invalid_request", "config is not certified"), "config is not certified"),
]


@pytest.mark.parametrize(("fault", "words"), REFUSALS, ids=[words for _, words in REFUSALS])
def test_a_refusal_ends_the_job_in_the_platforms_words_and_leaves_nothing(
    there: Elsewhere, fault: Fault, words: str
) -> None:
    there.platform.faults = [Fault(fault.pattern, fault.how, 99, {}, fault.code, fault.words)]
    job = there.job()
    failed = there.until_ended(job)
    assert failed.state is JobState.FAILED
    assert words in (failed.error or {})["message"]
    there.rounds(6)
    there.assert_nothing_left()
    assert there.asked(f"POST {ENDPOINT}") <= 2  # one endpoint, one deployment
    there.platform.faults = []
    there.relay.commands.retry(job)
    there.relay.drive()
    assert there.until_ended(job).state is JobState.SUCCEEDED
    there.assert_nothing_left()


@pytest.mark.parametrize("plan", ["stuck", "failed"])
def test_one_that_does_not_get_ready_is_taken_down_and_another_one_is_tried(there: Elsewhere, plan: str) -> None:
    there.platform.plan_of = {0: plan}
    job = there.job(limits__max_attempts=3)
    there.rounds(4)
    there.rounds(1, after_s=1801)
    assert there.until_ended(job, 200).state is JobState.SUCCEEDED
    assert len(there.platform.deployments()) == 2
    there.assert_nothing_left()


def test_a_model_that_nothing_serves_is_refused_before_anything_is_paid(there: Elsewhere) -> None:
    job = there.relay.submit(deploy__mode="auto", finetune__model="nobody/serves-this")
    there.platform.catalogue = False
    there.relay.drive()
    refused = there.relay.get(job)
    assert refused.state is JobState.FAILED
    assert (
        "nothing was paid: the platform has no config that serves nobody/serves-this"
        in (refused.error or {})["message"]
    )
    assert "start_run" not in there.relay.platform.calls


@pytest.mark.parametrize("how", ["cancel", "deadline", "down for hours"])
@pytest.mark.parametrize("rounds", [0, 1, 2, 3, 4, 5, 6])
def test_a_job_that_ends_at_any_moment_leaves_nothing(there: Elsewhere, how: str, rounds: int) -> None:
    relay = there.relay
    relay.model.faults["What is test1?"] = Transient("the model paused", after_s=30.0)
    job = there.job(limits__max_attempts=100, limits__deadline="1h", deploy__max_minutes=10)
    there.rounds(rounds)
    if how == "cancel":
        relay.commands.cancel(job)
        relay.drive()
    elif how == "deadline":
        there.rounds(1, after_s=3600)
    else:
        relay.clock.sleep(7200)
        relay.ticker = relay.new_tick()
    there.until_ended(job)
    there.rounds(12)
    assert relay.get(job).finished
    there.assert_nothing_left()


@pytest.mark.parametrize("served", ["ml_{job}", "ad_{job}", "acme/{job}"])
def test_an_endpoint_of_somebody_elses_is_found_by_whatever_names_the_model(there: Elsewhere, served: str) -> None:
    job = there.job(deploy__mode="detect")
    there.adapter.create("by-hand")
    theirs = next(iter(there.platform.endpoints.values()))
    theirs.made -= 60
    offer = Offer(f"projects/prj-1/models/{served.format(job=job)}", "cr", "it", 1.0)
    there.adapter.deploy(there.adapter.endpoints()[0], offer, 30)
    next(iter(theirs.deployments.values())).made -= 60
    there.adapter.route(there.adapter.endpoints()[0])
    assert there.until_ended(job).state is JobState.SUCCEEDED
    there.rounds(60)
    assert there.platform.running() == 1
    assert there.asked("PATCH") == 1  # by the test
