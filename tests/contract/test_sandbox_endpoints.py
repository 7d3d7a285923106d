"""Dedicated endpoints (v2) of the sandbox, as Together's unmodified SDK sees them: from nothing to a bill and back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import together
from together import Together
from together.types.beta import DeploymentAutoscalingParam, Endpoint, EndpointDeployment, EndpointTrafficSplitEntryParam

pytestmark = pytest.mark.xdist_group("sandbox-endpoints")

ROOT = Path(__file__).resolve().parents[2]
BASE = "Qwen/Qwen3-8B"
H100 = "1xnvidia-h100-80gb"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Provisioning takes 100 s, stopping 10 s, and nothing happens unless the clock is moved on."""
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--provision-seconds", "100", "--stop-seconds", "10"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()
            process.wait(timeout=10)


@pytest.fixture
def control(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{url}/sandbox") as client:
        yield client
        client.delete("/faults")


@pytest.fixture
def client(url: str) -> Iterator[Together]:
    with Together(api_key="any", base_url=f"{url}/v2", project_id="proj-sandbox", max_retries=0) as sdk:
        yield sdk


@pytest.fixture
def chat(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="any", base_url=f"{url}/v1", max_retries=0) as sdk:
        yield sdk


def advance(control: httpx.Client, seconds: float) -> None:
    control.post("/clock", json={"advance": seconds}).raise_for_status()


def fault(control: httpx.Client, method: str, path: str, action: dict[str, Any], **more: Any) -> None:
    control.post("/faults", json=[{"method": method, "path": path, "action": action, **more}]).raise_for_status()


def config_for(client: Together, hardware: str) -> tuple[str, str]:
    """(path of the model, path of the config that runs it on that hardware)."""
    (found,) = [one for one in client.beta.models.list_supported(search=BASE).data if one.name == BASE]
    for config in client.beta.models.configs.list(reference_model_id=found.base_model_id).data:
        selectors = {one.key: one.value for one in config.selectors}
        if f"{selectors['accelerator_count']}x{selectors['accelerator_type']}" == hardware:
            return found.base_model, f"projects/{config.project_id}/configs/{config.id}"
    raise AssertionError(f"no config for {hardware}")


def serve(client: Together, name: str, **more: Any) -> tuple[Endpoint, EndpointDeployment]:
    """An endpoint with a deployment that all its traffic is led to."""
    model, config = config_for(client, H100)
    endpoint = client.beta.endpoints.create(name=name)
    one = DeploymentAutoscalingParam(min_replicas=1, max_replicas=1)
    deployment = client.beta.endpoints.deployments.create(
        endpoint.id,
        name="d",
        model=model,
        config=config,
        autoscaling=one,
        **more,
    )
    split = [EndpointTrafficSplitEntryParam(deployment_id=deployment.id, weight=1.0)]
    return client.beta.endpoints.update(endpoint.id, traffic_split=split), deployment


def stop(client: Together, endpoint: Endpoint, deployment: EndpointDeployment) -> EndpointDeployment:
    none = DeploymentAutoscalingParam(min_replicas=0, max_replicas=0)
    return client.beta.endpoints.deployments.update(
        deployment.id,
        endpoint_id=endpoint.id,
        autoscaling=none,
        update_mask="autoscaling",
    )


def state(client: Together, endpoint: Endpoint) -> str:
    return client.beta.endpoints.retrieve(endpoint.id).deployments[0].state.removeprefix("DEPLOYMENT_STATE_")


def bill(control: httpx.Client, name: str) -> list[dict[str, Any]]:
    return [item for item in control.get("/bill").json()["items"] if item["endpoint"] == name]


def ask(chat: openai.OpenAI, name: str) -> str:
    said = chat.chat.completions.create(model=name, messages=[{"role": "user", "content": "Hello"}], max_tokens=1)
    return said.choices[0].message.content or ""


def test_an_endpoint_is_provisioned_answers_is_billed_by_the_minute_and_is_taken_away(
    client: Together, control: httpx.Client, chat: openai.OpenAI
) -> None:
    endpoint, deployment = serve(client, "hr-whole", inactive_timeout=30)
    assert endpoint.name == "sandbox/hr-whole"
    assert state(client, endpoint) == "PROVISIONING"
    with pytest.raises(openai.InternalServerError, match="routing_error"):
        ask(chat, endpoint.name)
    advance(control, 101)
    assert state(client, endpoint) == "READY"
    assert ask(chat, endpoint.name)
    assert ask(chat, deployment.name)
    advance(control, 130)
    assert [item["minutes"] for item in bill(control, "hr-whole")] == [3]
    assert stop(client, endpoint, deployment).status.state == "DEPLOYMENT_STATE_STOPPING"
    with pytest.raises(together.BadRequestError, match="has not stopped"):
        client.beta.endpoints.deployments.delete(deployment.id, endpoint_id=endpoint.id)
    advance(control, 11)
    assert state(client, endpoint) == "STOPPED"
    scaled = [one for one in client.beta.endpoints.list_events(endpoint.id).data if one.type == "deployment.scaled"]
    assert [(one.old_replicas, one.new_replicas) for one in scaled] == [(1, 0), (0, 1)]
    assert 139 < (scaled[0].created_at - scaled[1].created_at).total_seconds() < 145
    with pytest.raises(together.BadRequestError, match="traffic split"):
        client.beta.endpoints.deployments.delete(deployment.id, endpoint_id=endpoint.id)
    client.beta.endpoints.update(endpoint.id, traffic_split=[], update_mask="trafficSplit")
    client.beta.endpoints.deployments.delete(deployment.id, endpoint_id=endpoint.id)
    client.beta.endpoints.delete(endpoint.id)
    with pytest.raises(openai.NotFoundError, match="model_not_available"):
        ask(chat, endpoint.name)
    advance(control, 3600)
    (item,) = bill(control, "hr-whole")
    assert (item["minutes"], round(item["cents"], 2), item["hardware"]) == (3, round(3 * 399 / 60, 2), H100)


def test_a_name_is_taken_once_and_found_by_the_list(client: Together) -> None:
    made = client.beta.endpoints.create(name="hr-twice")
    with pytest.raises(together.ConflictError):
        client.beta.endpoints.create(name="hr-twice")
    client.beta.endpoints.create(name="hr-twice-2")
    assert [one.id for one in client.beta.endpoints.list(filter='name="hr-twice"').data] == [made.id]
    assert len(list(client.beta.endpoints.list(filter='name="hr-twice*"', limit=1))) == 2


def test_a_reset_after_the_creation_leaves_the_endpoint_there(client: Together, control: httpx.Client) -> None:
    fault(control, "POST", "/projects/[^/]+/endpoints", {"reset": "after"})
    with pytest.raises(together.APIConnectionError):
        client.beta.endpoints.create(name="hr-cut")
    assert [one.name for one in client.beta.endpoints.list(filter='name="hr-cut"').data] == ["sandbox/hr-cut"]


def test_without_requests_it_stops_by_itself_and_the_bill_ends_there(
    client: Together, control: httpx.Client, chat: openai.OpenAI
) -> None:
    endpoint, _ = serve(client, "hr-idle", inactive_timeout=30)
    advance(control, 100 + 1200)
    ask(chat, endpoint.name)
    advance(control, 1700)
    assert state(client, endpoint) == "READY"
    advance(control, 120)
    assert state(client, endpoint) == "STOPPED"
    assert [item["minutes"] for item in bill(control, "hr-idle")] == [51]


def test_provisioning_can_stick_and_fail_and_costs_nothing(client: Together, control: httpx.Client) -> None:
    fault(control, "POST", ".*/deployments", {"deployment": "stuck"})
    stuck, deployment = serve(client, "hr-stuck")
    fault(control, "POST", ".*/deployments", {"deployment": "fails"})
    failed, _ = serve(client, "hr-failed")
    advance(control, 3600)
    assert (state(client, stuck), state(client, failed)) == ("PROVISIONING", "FAILED")
    stop(client, stuck, deployment)
    assert state(client, stuck) == "STOPPED"
    assert not bill(control, "hr-stuck") + bill(control, "hr-failed")


def test_a_stop_can_be_acknowledged_and_not_happen(client: Together, control: httpx.Client) -> None:
    endpoint, deployment = serve(client, "hr-deaf")
    advance(control, 101)
    fault(control, "PATCH", ".*/deployments/[^/]+", {"stop": "ignored"})
    assert stop(client, endpoint, deployment).autoscaling.max_replicas == 0
    advance(control, 60)
    assert state(client, endpoint) == "READY"
    stop(client, endpoint, deployment)
    advance(control, 60)
    assert state(client, endpoint) == "STOPPED"


def test_some_models_have_no_config_and_the_old_endpoints_are_closed(client: Together, url: str) -> None:
    (found,) = client.beta.models.list_supported(search="Meta-Llama-3.1-70B-Instruct-Reference").data
    assert client.beta.models.configs.list(reference_model_id=found.base_model_id).data == []
    with (
        Together(api_key="any", base_url=f"{url}/v1", max_retries=0) as old,
        pytest.raises(together.PermissionDeniedError, match="endpoints_v1_create_access_disabled"),
    ):
        old.endpoints.create(
            model=BASE, hardware="1x_nvidia_h100_80gb_sxm", autoscaling={"min_replicas": 1, "max_replicas": 1}
        )


def test_no_field_is_missing_that_the_sdk_calls_required(client: Together) -> None:
    endpoint, deployment = serve(client, "hr-fields")
    (found,) = client.beta.models.list_supported(search=BASE).data
    config = client.beta.models.configs.list(reference_model_id=found.base_model_id).data[0]
    model = client.beta.models.retrieve(found.id)
    instance, event = (
        client.beta.endpoints.hardware.list().data[0],
        client.beta.endpoints.list_events(endpoint.id).data[0],
    )
    shown = client.beta.endpoints.retrieve(endpoint.id)
    for one in (shown, shown.deployments[0], deployment, found, config, model, instance, event, deployment.status):
        fields = type(one).model_fields.items()
        missing = {name for name, field in fields if field.is_required() and name not in one.model_fields_set}
        assert not missing, type(one).__name__


def test_hardware_has_its_price_and_bad_requests_are_refused(client: Together) -> None:
    prices = {one.name: one.price_cents_per_hour for one in client.beta.endpoints.hardware.list().data}
    assert prices[H100] == 399
    endpoint = client.beta.endpoints.create(name="hr-refused")
    model, config = config_for(client, H100)
    for bad in (
        {"inactive_timeout": 5},
        {"config": "projects/x/configs/cr_none"},
        {"model": "projects/x/models/ml_no"},
    ):
        wanted: dict[str, Any] = {"name": "d", "model": model, "config": config, **bad}
        with pytest.raises((together.BadRequestError, together.NotFoundError)):
            client.beta.endpoints.deployments.create(endpoint.id, autoscaling={"min_replicas": 1}, **wanted)
    with pytest.raises(together.BadRequestError):
        client.beta.endpoints.create(name="Not A Name")
