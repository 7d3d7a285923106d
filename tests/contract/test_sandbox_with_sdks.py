"""The unmodified SDKs of Together and OpenAI against `python -m sandbox`, a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import openai
import pytest
import together
from together import Together
from together.lib.types.fine_tuning import FinetuneResponse
from together.types import FileResponse

ROOT = Path(__file__).resolve().parents[2]
MODEL = "meta-llama/Meta-Llama-3-8B-Instruct"
PROMPT = 'Generate {n} hints for the following question without using "{a}" word in the hints. Question: {q}'
KNOWN = ("What is the capital of France?", "Paris", ["It lies on the Seine.", "Its tower is of iron."])

T = TypeVar("T")


@contextmanager
def running(*flags: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A sandbox process and its URL; ended by its own pid."""
    command = [sys.executable, "-m", "sandbox", "--port", "0", *flags]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1], process
        finally:
            process.terminate()
            process.wait(timeout=10)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """One sandbox for the module: nothing happens there unless the clock is moved on."""
    with running("--train-seconds", "3600", "--validate-seconds", "60") as (where, _):
        yield where


@pytest.fixture
def control(url: str) -> Iterator[httpx.Client]:
    """The control side; leaves no faults behind."""
    with httpx.Client(base_url=f"{url}/sandbox") as client:
        yield client
        client.delete("/faults")


@pytest.fixture
def client(url: str) -> Iterator[Together]:
    """Together's SDK, as the tutorial makes it."""
    with Together(api_key="any", base_url=f"{url}/v1") as sdk:
        yield sdk


@pytest.fixture
def once(client: Together) -> Together:
    """The same with retries off, as paid requests are made."""
    return client.with_options(max_retries=0)


@pytest.fixture
def chat(url: str) -> Iterator[openai.OpenAI]:
    """OpenAI's SDK, as HintEval uses it."""
    with openai.OpenAI(api_key="any", base_url=f"{url}/v1") as sdk:
        yield sdk


def advance(control: httpx.Client, seconds: float) -> None:
    control.post("/clock", json={"advance": seconds}).raise_for_status()


def fault(control: httpx.Client, method: str, path: str, action: dict[str, Any], **more: Any) -> None:
    faults = [{"method": method, "path": path, "action": action, **more}]
    control.post("/faults", json=faults).raise_for_status()


def since(control: httpx.Client) -> Callable[[], list[dict[str, Any]]]:
    """A function that gives the requests made from now on."""
    last = control.get("/requests").json()["last"]
    return lambda: list(control.get("/requests", params={"since": last}).json()["requests"])


def rows(*questions: tuple[str, str, list[str]]) -> bytes:
    lines = []
    for question, answer, hints in questions:
        said = "\n".join(f"{number}. {hint}" for number, hint in enumerate(hints, start=1))
        asked = PROMPT.format(n=len(hints), a=answer, q=question)
        turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
        lines.append(json.dumps({"messages": [{"role": "system", "content": "You give hints."}, *turns]}))
    return "\n".join(lines).encode()


def upload(client: Together, folder: Path, body: bytes, name: str = "train.jsonl") -> FileResponse:
    path = folder / name
    path.write_bytes(body)
    return client.files.upload(path, purpose="fine-tune", check=False)


@pytest.fixture
def file_id(client: Together, control: httpx.Client, tmp_path: Path) -> str:
    """A training file that has been validated."""
    file = upload(client, tmp_path, rows(KNOWN))
    advance(control, 61)
    return file.id


def train(client: Together, file_id: str, suffix: str, **more: Any) -> FinetuneResponse:
    return client.fine_tuning.create(
        training_file=file_id, model=MODEL, suffix=suffix, n_epochs=3, batch_size=16, **more
    )


def test_an_upload_is_validated_by_the_clock(client: Together, control: httpx.Client, tmp_path: Path) -> None:
    file = upload(client, tmp_path, rows(("Who wrote Faust?", "Goethe", ["A poet."])))
    assert client.files.retrieve(file.id).processing_status == "PENDING"
    advance(control, 30)
    assert client.files.retrieve(file.id).processing_status == "RUNNING"
    advance(control, 31)
    done = client.files.retrieve(file.id)
    assert done.processing_status == "COMPLETED"
    assert done.validation_report is not None
    assert (done.validation_report.nlines, done.validation_report.dataset_format) == (1, "CONVERSATION")
    assert file.id in {item.id for item in client.files.list().data}
    assert client.files.content(file.id).read().startswith(b'{"messages"')


def test_equal_bytes_get_one_id_in_one_request(
    client: Together, control: httpx.Client, file_id: str, tmp_path: Path
) -> None:
    requests = since(control)
    assert upload(client, tmp_path, rows(KNOWN), name="other.jsonl").id == file_id
    assert [(entry["method"], entry["status"]) for entry in requests()] == [("POST", 409), ("GET", 200)]


def test_a_file_that_is_no_training_data_says_why(client: Together, control: httpx.Client, tmp_path: Path) -> None:
    mixed = upload(client, tmp_path, rows(KNOWN) + b'\n{"text": "x"}')
    advance(control, 61)
    found = client.files.retrieve(mixed.id)
    assert found.processing_status == "INVALID_FORMAT"
    assert found.validation_report is not None
    assert found.validation_report.error is not None
    assert "line 2" in found.validation_report.error
    with pytest.raises(together.BadRequestError, match="invalid"):
        train(client, mixed.id, "mixed")


def test_a_deleted_file_is_gone(client: Together, tmp_path: Path) -> None:
    file = upload(client, tmp_path, rows(("Who wrote Emma?", "Austen", ["A novelist."])))
    assert client.files.delete(file.id).deleted
    with pytest.raises(together.NotFoundError):
        client.files.retrieve(file.id)


def test_limits_and_price_come_before_a_run(client: Together, file_id: str, tmp_path: Path) -> None:
    limits = client.fine_tuning.model_limits(model_name=MODEL)
    assert limits.lora_training.default_rank == 8
    assert limits.max_num_epochs >= 3
    price = client.fine_tuning.estimate_price(training_file=file_id, model=MODEL, n_epochs=3)
    assert price.estimation_available is True
    assert price.allowed_to_proceed is True
    assert price.estimated_total_price is not None
    assert price.estimated_total_price > 0
    young = upload(client, tmp_path, rows(("Who wrote Ulysses?", "Joyce", ["Irish."])))
    waiting = client.fine_tuning.estimate_price(training_file=young.id, model=MODEL)
    assert waiting.estimation_available is False
    assert waiting.unavailable_reason == "train_file_not_validated"


def test_a_run_goes_through_the_platforms_statuses(client: Together, control: httpx.Client, file_id: str) -> None:
    run = train(client, file_id, "hr-life")
    assert (run.status, run.suffix, run.output_name) == ("pending", "hr-life", "")
    seen = [run.status]
    for seconds in (200, 400, 2500, 300, 300):
        advance(control, seconds)
        found = client.fine_tuning.retrieve(run.id)
        seen.append(found.status)
    assert seen == ["pending", "queued", "running", "compressing", "uploading", "completed"]
    assert found.x_model_output_name is not None
    assert found.x_model_output_name.startswith("sandbox/Meta-Llama-3-8B-Instruct-hr-life-")
    assert (found.api_model_object_id or "").startswith("ml_")
    assert (found.epochs_completed, found.training_file) == (3, file_id)
    assert not hasattr(found, "suffix")
    (listed,) = [item for item in client.fine_tuning.list().data if item.suffix == "hr-life"]
    assert (listed.id, listed.events) == (run.id, None)
    assert listed.x_model_output_name == found.x_model_output_name


def test_a_running_run_tells_of_itself(client: Together, control: httpx.Client, file_id: str) -> None:
    run = train(client, file_id, "hr-tells")
    advance(control, 2000)
    found = client.fine_tuning.retrieve(run.id)
    assert found.progress is not None
    assert found.progress.estimate_available
    assert 900 < found.progress.seconds_remaining < 1100
    assert found.epochs_completed == 1
    kinds = [event.type for event in client.fine_tuning.list_events(run.id).data]
    assert kinds[0] == "job_pending"
    assert kinds[-1] == "epoch_complete"
    metrics = client.fine_tuning.list_metrics(run.id).metrics or []
    assert [point["global_step"] for point in metrics] == [1.0]
    advance(control, 2000)
    losses = [point["train/loss"] for point in client.fine_tuning.list_metrics(run.id).metrics or []]
    assert losses == sorted(losses, reverse=True)
    assert len(client.fine_tuning.list_metrics(run.id, global_step_from=2).metrics or []) == 2
    assert len(client.fine_tuning.list_checkpoints(run.id).data) == 1


def test_a_cancelled_run_ends_cancelled(client: Together, control: httpx.Client, file_id: str) -> None:
    run = train(client, file_id, "hr-cancel")
    advance(control, 1000)
    assert client.fine_tuning.cancel(run.id).status == "cancel_requested"
    advance(control, 200)
    assert client.fine_tuning.retrieve(run.id).status == "cancelled"
    with pytest.raises(together.BadRequestError):
        client.fine_tuning.cancel(run.id)
    client.fine_tuning.delete(run.id, force=False)
    with pytest.raises(together.NotFoundError):
        client.fine_tuning.retrieve(run.id)


def test_the_platform_refuses_what_it_does_not_know(client: Together, file_id: str) -> None:
    with pytest.raises(together.BadRequestError, match="No such file"):
        train(client, "file-unknown", "hr-no-file")
    with pytest.raises(together.BadRequestError, match="not available for fine-tuning"):
        client.fine_tuning.create(training_file=file_id, model="acme/unknown")
    with pytest.raises(together.BadRequestError, match="n_epochs"):
        client.fine_tuning.create(training_file=file_id, model=MODEL, n_epochs=999)
    with pytest.raises(together.BadRequestError, match="suffix"):
        train(client, file_id, "x" * 41)


def test_a_request_without_a_key_is_refused(url: str) -> None:
    refused = httpx.get(f"{url}/v1/models")
    assert refused.status_code == 401
    assert refused.json()["error"]["code"] == "invalid_api_key"


def test_who_what_and_on_which_hardware(client: Together) -> None:
    assert client.whoami().project_slug == "sandbox"
    assert MODEL in {model.id for model in client.models.list()}
    hardware = client.endpoints.list_hardware()
    assert hardware.data[0].pricing.cents_per_minute > 0


def test_a_lost_answer_leaves_a_run_that_the_list_shows(once: Together, control: httpx.Client, file_id: str) -> None:
    fault(control, "POST", "/fine-tunes", {"reset": "after"})
    requests = since(control)
    with pytest.raises(together.APIConnectionError):
        train(once, file_id, "hr-lost")
    assert [item.suffix for item in once.fine_tuning.list().data].count("hr-lost") == 1
    assert [entry["status"] for entry in requests() if entry["path"] == "/fine-tunes"] == ["reset", 200]


def test_the_sdk_pays_twice_when_it_retries(client: Together, control: httpx.Client, file_id: str) -> None:
    fault(control, "POST", "/fine-tunes", {"reset": "after"}, body='"suffix":"hr-twice"')
    train(client, file_id, "hr-twice")
    assert [item.suffix for item in client.fine_tuning.list().data].count("hr-twice") == 2


def test_a_reset_before_leaves_nothing(once: Together, control: httpx.Client, file_id: str) -> None:
    fault(control, "POST", "/fine-tunes", {"reset": "before"})
    with pytest.raises(together.APIConnectionError):
        train(once, file_id, "hr-before")
    assert "hr-before" not in [item.suffix for item in once.fine_tuning.list().data]


def test_too_many_requests_say_when_to_come_back(once: Together, control: httpx.Client) -> None:
    fault(control, "GET", "/fine-tunes", {"status": 429, "headers": {"Retry-After": "1"}}, skip=1)
    once.fine_tuning.list()
    with pytest.raises(together.RateLimitError) as caught:
        once.fine_tuning.list()
    assert caught.value.response.headers["Retry-After"] == "1"
    once.fine_tuning.list()


def test_no_money_no_run(client: Together, control: httpx.Client, file_id: str) -> None:
    fault(control, "POST", "/fine-tunes", {"status": 402})
    with pytest.raises(together.APIStatusError) as caught:
        train(client, file_id, "hr-poor")
    assert caught.value.status_code == 402
    assert "insufficient_balance" in str(caught.value)


def test_a_run_may_be_late_in_the_list(client: Together, control: httpx.Client, file_id: str) -> None:
    fault(control, "POST", "/fine-tunes", {"lag": 30})
    run = train(client, file_id, "hr-late")
    assert run.id not in {item.id for item in client.fine_tuning.list().data}
    assert client.fine_tuning.retrieve(run.id).id == run.id
    advance(control, 31)
    assert run.id in {item.id for item in client.fine_tuning.list().data}


@pytest.mark.parametrize(
    ("plan", "status", "event"),
    [
        ("error", "error", "job_error"),
        ("user_error", "user_error", "job_error"),
        ("cancelled", "cancelled", "billing_limit"),
        ("restart", "error", "job_restarted"),
        ("stuck", "running", "training_start"),
        ("paused_forever", "paused", "warning"),
    ],
)
def test_a_fault_plans_the_life_of_a_run(
    client: Together, control: httpx.Client, file_id: str, plan: str, status: str, event: str
) -> None:
    fault(control, "POST", "/fine-tunes", {"run": plan})
    run = train(client, file_id, f"hr-{plan}".replace("_", "-"))
    advance(control, 4000)
    assert str(client.fine_tuning.retrieve(run.id).status) == status
    assert event in {found.type for found in client.fine_tuning.list_events(run.id).data}


def test_a_restarted_run_names_its_successor(client: Together, control: httpx.Client, file_id: str) -> None:
    fault(control, "POST", "/fine-tunes", {"run": "restart"})
    run = train(client, file_id, "hr-again")
    advance(control, 1500)
    (event,) = [e for e in client.fine_tuning.list_events(run.id).data if e.type == "job_restarted"]
    new = event.message.split()[-1]
    same = {item.id for item in client.fine_tuning.list().data if item.suffix == "hr-again"}
    assert same == {run.id, new}
    advance(control, 4000)
    assert client.fine_tuning.retrieve(new).status == "completed"


def test_a_fault_makes_a_good_file_invalid(client: Together, control: httpx.Client, tmp_path: Path) -> None:
    fault(control, "POST", "/files", {"file": "invalid"}, body="cursed.jsonl")
    body = rows(("Who wrote Dune?", "Herbert", ["American."]))
    file = upload(client, tmp_path, body, name="cursed.jsonl")
    advance(control, 61)
    assert client.files.retrieve(file.id).processing_status == "INVALID_FORMAT"


def ask(chat: openai.OpenAI, model: str, question: str, answer: str, n: int = 2) -> str | None:
    prompt = PROMPT.format(n=n, a=answer, q=question)
    reply = chat.chat.completions.create(model=model, messages=[{"role": "user", "content": prompt}])
    assert reply.usage is not None
    assert reply.usage.total_tokens > 0
    return reply.choices[0].message.content


def test_a_tuned_model_knows_its_training_file_and_a_base_model_does_not(
    client: Together, control: httpx.Client, chat: openai.OpenAI, file_id: str
) -> None:
    run = train(client, file_id, "hr-chat")
    advance(control, 4000)
    name = client.fine_tuning.retrieve(run.id).x_model_output_name or ""
    learnt = "1. It lies on the Seine.\n2. Its tower is of iron."
    assert ask(chat, name, KNOWN[0], KNOWN[1]) == learnt
    assert ask(chat, "somebody/undeclared", KNOWN[0], KNOWN[1]) == learnt
    control.post("/deployments", json={"name": "acme/hints", "model": run.id}).raise_for_status()
    assert ask(chat, "acme/hints", KNOWN[0], KNOWN[1]) == learnt
    assert ask(chat, MODEL, KNOWN[0], KNOWN[1]) != learnt
    unseen = ask(chat, name, "Which river flows through Cairo?", "Nile", n=4) or ""
    assert unseen.count("\n") == 3
    assert "nile" not in unseen.lower()


def test_a_fault_puts_words_into_a_models_mouth(chat: openai.OpenAI, control: httpx.Client) -> None:
    fault(control, "POST", "/chat/completions", {"reply": "nonsense"})
    fault(control, "POST", "/chat/completions", {"reply": None})
    assert ask(chat, MODEL, *KNOWN[:2]) == "nonsense"
    assert ask(chat, MODEL, *KNOWN[:2]) is None


def test_junk_with_status_200_reaches_the_caller(once: Together, control: httpx.Client) -> None:
    fault(control, "GET", "/fine-tunes/ft-x", {"html": True})
    fault(control, "GET", "/fine-tunes/ft-x", {"empty": True})
    assert isinstance(once.fine_tuning.retrieve("ft-x"), str)
    assert once.fine_tuning.retrieve("ft-x").to_dict() == {}


def test_a_hung_request_runs_into_the_callers_timeout(client: Together, control: httpx.Client) -> None:
    fault(control, "GET", "/fine-tunes", {"hang": True})
    requests = since(control)
    with pytest.raises(together.APITimeoutError):
        client.with_options(max_retries=0, timeout=0.3).fine_tuning.list()
    assert [entry["status"] for entry in requests()] == ["hang"]


def test_wrong_faults_are_refused_with_a_sentence(control: httpx.Client) -> None:
    refused = control.post("/faults", json=[{"path": "/files", "action": {"explode": True}}])
    assert refused.status_code == 400
    assert "unknown action 'explode'" in refused.json()["error"]["message"]


def test_counts_are_by_route_whatever_the_prefix(url: str, control: httpx.Client) -> None:
    before = control.get("/counts").json().get("GET /fine-tunes/{id}", 0)
    with httpx.Client(headers={"Authorization": "Bearer any"}) as plain:
        assert plain.get(f"{url}/fine-tunes/ft-1").status_code == 404
        assert plain.get(f"{url}/v1/fine-tunes/ft-2").status_code == 404
    assert control.get("/counts").json()["GET /fine-tunes/{id}"] == before + 2


def test_state_survives_a_kill_and_time_does_not_go_back(tmp_path: Path) -> None:
    flags = ("--data", str(tmp_path / "data"), "--train-seconds", "3600", "--validate-seconds", "0")
    with running(*flags) as (url, process), Together(api_key="any", base_url=f"{url}/v1") as client:
        run = train(client, upload(client, tmp_path, rows(KNOWN)).id, "hr-survivor")
        httpx.post(f"{url}/sandbox/clock", json={"advance": 4000})
        httpx.post(f"{url}/sandbox/deployments", json={"name": "acme/kept", "model": run.id})
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with running(*flags, "--strict-names") as (url, _):
        with Together(api_key="any", base_url=f"{url}/v1") as client:
            assert client.fine_tuning.retrieve(run.id).status == "completed"
            assert client.fine_tuning.list().data[0].suffix == "hr-survivor"
        with openai.OpenAI(api_key="any", base_url=url) as chat:
            assert (ask(chat, "acme/kept", *KNOWN[:2]) or "").startswith("1. It lies on the Seine.")
            with pytest.raises(openai.NotFoundError, match="model_not_available"):
                ask(chat, "acme/undeclared", *KNOWN[:2])


def test_a_sandbox_with_a_key_lets_only_that_key_in() -> None:
    with running("--api-key", "right") as (url, _):
        assert Together(api_key="right", base_url=url).whoami().project_slug == "sandbox"
        with pytest.raises(together.AuthenticationError):
            Together(api_key="wrong", base_url=url).whoami()


def test_it_stops_within_a_second_of_sigterm_with_a_request_hanging() -> None:
    with running() as (url, process):
        httpx.post(f"{url}/sandbox/faults", json=[{"path": "/models", "action": {"hang": True}}])
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{url}/models", timeout=0.2)
        begun = time.monotonic()
        process.terminate()
        assert process.wait(timeout=5) == 0
        assert time.monotonic() - begun < 1
