"""Endpoints with real processes against the sandbox, on a clock that runs fast: whatever is killed, the bill ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from common.endpoints import EntryState
from common.keys import Keys
from common.ledger import Ledger
from common.states import JobState
from tests.e2e.installation import Installation
from tests.e2e.stack import KEY, eventually
from tests.invariants import assert_invariants, assert_ledger

pytestmark = [pytest.mark.xdist_group("endpoints"), pytest.mark.timeout(300)]

RATE = 4  #: the platform's seconds in one of ours
JOBS = 6


class Bill(Installation):
    """Three workers and a beat over the sandbox, whose clock runs fast."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, workers=3, endpoints=JOBS)
        clock = ("--clock-rate", str(RATE), "--train-seconds", "4", "--validate-seconds", "0.4")
        self.stack.start_sandbox(*clock, "--provision-seconds", "12", "--stop-seconds", "6")
        self.start()

    def fault(self, method: str, path: str, times: int = 1, **action: Any) -> None:
        self.stack.sandbox("POST", "faults", [{"method": method, "path": path, "times": times, "action": action}])

    def read(self) -> dict[str, Any]:
        bill: dict[str, Any] = self.stack.sandbox("GET", "bill")
        return bill

    def asked(self) -> int:
        """Requests that models have answered."""
        counts: dict[str, int] = self.stack.sandbox("GET", "counts")
        return counts.get("POST /chat/completions", 0)

    def ledger(self) -> Ledger:
        return Ledger.beside(self.stack.producer().store)


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bill]:
    made = Bill(tmp_path_factory.mktemp("bill"))
    try:
        yield made
    finally:
        made.stack.stop()


def test_everything_is_killed_while_six_jobs_generate_and_the_ledger_equals_the_bill(bill: Bill) -> None:
    """Also: creations whose answers are lost after they took effect, and stops that are acknowledged and ignored."""
    bill.fault("POST", "/chat/completions", times=None, delay=0.4)  # type: ignore[arg-type]  # for ever
    bill.fault("POST", "/projects/[^/]+/endpoints", times=2, reset="after")
    bill.fault("POST", ".*/deployments", times=2, reset="after")
    bill.fault("PATCH", ".*/deployments/[^/]+", times=4, stop="ignored")
    jobs = bill.submit(JOBS, mode="auto", max_minutes=30)
    eventually(lambda: bill.read()["running"] >= 3 and bill.asked() >= 8, f"they generate {bill.stack.tail()}", 60)
    bill.kill()
    assert bill.read()["running"] >= 1
    bill.start()
    ended = bill.stack.until_all_ended(90)
    assert {job.state for job in ended} == {JobState.SUCCEEDED}, [(job.id, job.error) for job in ended]
    since = time.monotonic()
    eventually(lambda: bill.read()["running"] == 0, "nothing runs", 120 / RATE)
    simulated_s = (time.monotonic() - since) * RATE
    ledger = bill.ledger()
    eventually(lambda: not ledger.running(), "the ledger knows", 30)
    closed = ledger.closed()
    made = {item["endpoint"] for item in bill.read()["items"]}
    assert made == {entry.name for entry in closed if entry.minutes}, bill.read()
    assert len(bill.read()["items"]) == len(made)  # one deployment each, billed once
    assert {job for entry in closed for job in entry.jobs} == set(jobs)
    assert sum(entry.minutes or 0 for entry in closed) == bill.read()["minutes"] > 0
    assert round(sum(entry.cents or 0 for entry in closed), 2) == round(bill.read()["cents"], 2)
    assert_ledger(bill.stack.producer().store, ledger)
    assert_invariants(bill.stack.producer().store)
    shown = bill.stack.json("endpoints", "ls", "--all")
    assert {one["state"] for one in shown} == {EntryState.CLOSED}
    assert sum(one["minutes"] for one in shown) == bill.read()["minutes"]
    costs = bill.stack.json("cost", "--by", "job")
    assert sum(one["endpoint_minutes"] for one in costs) == bill.read()["minutes"]
    assert sum(one["endpoints_usd"] for one in costs) == pytest.approx(bill.read()["cents"] / 100, abs=1e-4 * len(made))
    assert not any(one["under_way_usd"] for one in costs)
    print(f"simulated seconds from the last job's end to nothing running: {simulated_s:.0f}")


def test_an_endpoint_that_a_person_started_is_found_and_left_alone(bill: Bill) -> None:
    from together import Together
    from together.types.beta import DeploymentAutoscalingParam, EndpointTrafficSplitEntryParam

    (job,) = bill.submit(1, mode="detect")
    bill.stack.until(job, {"trained"})
    assert "an endpoint that serves" in bill.stack.json("pending")[0]["waiting"]
    model = bill.stack.producer().store.client.hget(Keys.job(job), "object_id")
    root = f"http://127.0.0.1:{bill.stack.sandbox_port}/v2"
    with Together(api_key=KEY, base_url=root, project_id="proj-sandbox") as client:
        base = client.beta.models.retrieve(model).base_model_id or ""
        config = client.beta.models.configs.list(reference_model_id=base).data[-1]
        endpoint = client.beta.endpoints.create(name="by-hand")
        deployment = client.beta.endpoints.deployments.create(
            endpoint.id,
            name="mine",
            model=f"projects/proj-sandbox/models/{model}",
            config=f"projects/{config.project_id}/configs/{config.id}",
            autoscaling=DeploymentAutoscalingParam(min_replicas=1, max_replicas=1),
        )
        split = EndpointTrafficSplitEntryParam(deployment_id=deployment.id, weight=1.0)
        client.beta.endpoints.update(endpoint.id, traffic_split=[split])
    done = bill.stack.until(job, {"succeeded"}, 60)
    assert done.deployment == "sandbox/by-hand"
    assert bill.read()["running"] == 1
