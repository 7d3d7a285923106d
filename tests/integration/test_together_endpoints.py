"""The adapter of the endpoints, with the real SDK over HTTP: whatever the platform answers, the bill ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from common.endpoints import EntryState
from common.errors import HintrelayError, Permanent, Transient
from tests.unit.worker.endpoint_relay import EndpointRelay
from worker.adapters.together_endpoints import STATES, TogetherEndpoints
from worker.ports import InDoubt
from worker.serving import Endpoint, Serving

pytestmark = pytest.mark.xdist_group("together-endpoints")

ROOT = Path(__file__).resolve().parents[2]
BASE = "Qwen/Qwen3-8B"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--provision-seconds", "60", "--stop-seconds", "20"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()
            process.wait(timeout=10)


class Control:
    """The sandbox's other side."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def advance(self, seconds: float) -> None:
        self._client.post("/clock", json={"advance": seconds}).raise_for_status()

    def fault(self, method: str, path: str, times: int = 1, **action: Any) -> None:
        fault = {"method": method, "path": path, "times": times, "action": action}
        self._client.post("/faults", json=[fault]).raise_for_status()

    def bill(self, name: str) -> dict[str, Any]:
        items = [item for item in self._client.get("/bill").json()["items"] if item["endpoint"] == name]
        return {"minutes": sum(i["minutes"] for i in items), "running": sum(i["gone_at"] is None for i in items)}

    def posts(self, path: str) -> int:
        counts: dict[str, int] = self._client.get("/counts").json()
        return counts.get(f"POST {path}", 0)


@pytest.fixture
def control(url: str) -> Iterator[Control]:
    with httpx.Client(base_url=f"{url}/sandbox") as client:
        yield Control(client)
        client.delete("/faults")


@pytest.fixture
def platform(url: str) -> TogetherEndpoints:
    return TogetherEndpoints(root=url, chat_url=f"{url}/v1", api_key="any", timeout_s=2.0)


def seen(platform: TogetherEndpoints, name: str) -> Endpoint:
    (found,) = [one for one in platform.endpoints() if one.name == name]
    return found


def serve(platform: TogetherEndpoints, control: Control, name: str) -> Endpoint:
    platform.create(name)
    platform.deploy(seen(platform, name), platform.offers(BASE, base=True)[0], 30)
    platform.route(seen(platform, name))
    control.advance(61)
    return seen(platform, name)


def test_an_endpoint_goes_up_answers_and_goes_down(platform: TogetherEndpoints, control: Control) -> None:
    ready = serve(platform, control, "hr-life")
    assert ready.address == "sandbox/hr-life"
    (one,) = ready.deployments
    assert (one.state, one.routed) == (Serving.READY, True)
    platform.answers(ready.address)
    control.advance(100)
    platform.stop(seen(platform, "hr-life"))
    assert seen(platform, "hr-life").deployments[0].state is Serving.STOPPING
    with pytest.raises(Permanent, match="has not stopped"):
        platform.delete(seen(platform, "hr-life"))
    control.advance(21)
    (span,) = platform.spans(seen(platform, "hr-life"))
    assert span[1] is not None
    assert 120 <= (span[1] - span[0]) / 1000 < 130
    platform.delete(seen(platform, "hr-life"))
    assert all(one.name != "hr-life" for one in platform.endpoints())
    platform.delete(ready)  # fine when it is gone
    with pytest.raises(Permanent, match="model_not_available"):
        platform.answers(ready.address)


def test_a_name_and_its_deployment_are_made_once(platform: TogetherEndpoints) -> None:
    for _ in range(2):
        platform.create("hr-once")
        platform.deploy(seen(platform, "hr-once"), platform.offers(BASE, base=True)[0], 30)
    assert len(seen(platform, "hr-once").deployments) == 1


def test_offers_are_the_cheapest_first_and_none_for_what_cannot_be_served(platform: TogetherEndpoints) -> None:
    offers = platform.offers(BASE, base=True)
    assert [one.hardware for one in offers] == ["1xnvidia-a100-80gb", "1xnvidia-h100-80gb", "1xnvidia-h200-141gb"]
    assert offers[0].cents_per_minute == 4.0
    assert platform.offers("mistralai/Mistral-7B-Instruct-v0.2", base=True) == []
    with pytest.raises(Permanent, match="no model nobody/has-it"):
        platform.offers("nobody/has-it", base=True)
    assert platform.offers("ml_none", base=False) == []


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ({"status": 403}, Permanent),
        ({"status": 429}, Transient),
        ({"status": 503}, InDoubt),
        ({"reset": "before"}, InDoubt),
        ({"reset": "after"}, InDoubt),
        ({"delay": 3}, InDoubt),
    ],
)
def test_the_paid_request_is_sent_once(
    platform: TogetherEndpoints, control: Control, action: dict[str, Any], error: type[HintrelayError]
) -> None:
    name = f"hr-paid-{abs(hash(str(action))) % 10_000}"
    platform.create(name)
    path = "/projects/{p}/endpoints/{e}/deployments"
    before, offer = control.posts(path), platform.offers(BASE, base=True)[0]
    control.fault("POST", ".*/deployments", **action)
    with pytest.raises(error):
        platform.deploy(seen(platform, name), offer, 30)
    assert control.posts(path) - before <= 1


@pytest.mark.parametrize("action", [{"html": True}, {"empty": True}, {"status": 500}, {"reset": "before"}])
def test_an_odd_list_is_no_empty_list(platform: TogetherEndpoints, control: Control, action: dict[str, Any]) -> None:
    control.fault("GET", "/projects/[^/]+/endpoints", times=2, **action)
    with pytest.raises(Transient):
        platform.endpoints()


def test_every_state_of_the_sdk_is_known() -> None:
    from typing import get_args

    from together.types.beta import DeploymentStatus

    words = get_args(DeploymentStatus.model_fields["state"].annotation)
    assert {word.removeprefix("DEPLOYMENT_STATE_") for word in words} == set(STATES)


FAULTS: list[dict[str, Any]] = [
    {"method": "POST", "path": "/projects/[^/]+/endpoints", "reset": "after"},
    {"method": "POST", "path": "/projects/[^/]+/endpoints", "lag": 40},
    {"method": "POST", "path": ".*/deployments", "reset": "after"},
    {"method": "POST", "path": ".*/deployments", "delay": 3},
    {"method": "PATCH", "path": ".*/deployments/[^/]+", "times": 3, "stop": "ignored"},
    {"method": "PATCH", "path": ".*/deployments/[^/]+", "reset": "after"},
    {"method": "DELETE", "path": ".*", "times": 3, "reset": "after"},
    {"method": "GET", "path": ".*/events", "times": 2, "status": 503},
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: " ".join(map(str, fault.values())))
def test_whatever_goes_wrong_one_endpoint_runs_and_the_ledger_equals_the_bill(
    platform: TogetherEndpoints, control: Control, tmp_path: Path, fault: dict[str, Any]
) -> None:
    relay = EndpointRelay(tmp_path)
    relay.workers = 1
    relay.keeper = relay.new_keeper(on=platform)
    job = relay.trained(deploy__mode="manual")
    name = relay.ask(job, BASE, base=True).name
    control.fault(**fault)
    running = 0
    for number in range(120):
        if number == 60:
            relay.ledger.share(name, job, "leave")
        relay.clock.sleep(3)
        control.advance(3)
        relay.store.sign_of_life(["hints box:1"])
        relay.keeper.run()
        running = max(running, control.bill(name)["running"])
        if relay.ledger.named(name).state is EntryState.CLOSED:
            break
    entry = relay.ledger.named(name)
    assert (entry.state, running) == (EntryState.CLOSED, 1), entry
    assert control.bill(name) == {"minutes": entry.minutes, "running": 0}
    assert all(one.name != name for one in platform.endpoints())
