"""The Together adapter, with the real SDK over HTTP: every answer to the paid call leaves one kept run."""

from __future__ import annotations

import contextlib
import secrets
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from common.errors import Busy, HintrelayError, Permanent, Transient
from common.outcomes import Advance, Outcome, Snooze
from common.states import JobState
from tests.fakes.parts import FakeClock, FakeDesk, make_job, make_ports, make_spec
from worker.adapters.together import TogetherPlatform
from worker.ports import Absent, FileStatus, InDoubt, RunStatus
from worker.stages.finetune import finetune

TIMEOUT_S = 1.0
ROW = b'{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}\n'


@pytest.fixture
def platform(sandbox_url: str) -> TogetherPlatform:
    return TogetherPlatform(base_url=f"{sandbox_url}/v1", api_key="any-key", timeout_s=TIMEOUT_S)


@pytest.fixture
def file_id(platform: TogetherPlatform, tmp_path: Path) -> str:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(ROW * 20)
    file_id = platform.upload(path, lambda done, total: None)
    until = time.monotonic() + 10
    while platform.check_file(file_id)[0] is FileStatus.PENDING:
        assert time.monotonic() < until
        time.sleep(0.05)
    return file_id


class PaidCall:
    """One job's finetune stage over the real adapter; a clock that moves through the doubt."""

    def __init__(self, platform: TogetherPlatform, file_id: str, folder: Path) -> None:
        self.clock = FakeClock()
        self.platform = platform
        ports = make_ports(folder, clock=self.clock)
        self.ports = type(ports)(**{**{n: getattr(ports, n) for n in ports.__slots__}, "platform": platform})
        job = make_job(JobState.UPLOADED, file_id=file_id)
        object.__setattr__(job, "id", secrets.token_hex(4))
        self.desk = FakeDesk(job, clock=self.clock)
        self.errors: list[HintrelayError] = []

    def until_training(self) -> str:
        for _ in range(40):
            try:
                outcome: Outcome = finetune(self.desk.later(), self.ports, self.desk)
            except HintrelayError as exc:
                self.errors.append(exc)
                outcome = Advance(JobState.UPLOADED)
            if outcome.__class__ is Advance and getattr(outcome, "to", None) is JobState.TRAINING:
                return str(outcome.facts["run_id"])
            self.clock.sleep(5)
        raise AssertionError(f"never came to training: {self.errors}")

    def kept(self) -> list[str]:
        runs = [run for run in self.platform.runs() if run.suffix == self.desk.job.marker]
        return [run.id for run in runs if run.status is not RunStatus.CANCELLED and run.word != "cancel_requested"]


@pytest.fixture
def paid(platform: TogetherPlatform, file_id: str, tmp_path: Path) -> PaidCall:
    return PaidCall(platform, file_id, tmp_path)


def fault(control: httpx.Client, action: dict[str, Any], times: int = 1) -> None:
    wish = {"method": "POST", "path": "/fine-tunes", "times": times, "action": action}
    control.post("/faults", json=[wish]).raise_for_status()


LATER = format_datetime(datetime.now(UTC) + timedelta(seconds=900), usegmt=True)
ANSWERS: dict[str, dict[str, Any]] = {
    "reset before": {"reset": "before"},
    "reset after it took effect": {"reset": "after"},
    "slower than the client waits": {"delay": TIMEOUT_S + 0.5},
    "408": {"status": 408},
    "409": {"status": 409},
    "429, Retry-After 1": {"status": 429, "headers": {"Retry-After": "1"}},
    "429, Retry-After 61": {"status": 429, "headers": {"Retry-After": "61"}},
    "429, Retry-After a date": {"status": 429, "headers": {"Retry-After": LATER}},
    "500": {"status": 500},
    "503": {"status": 503},
    "200 with {}": {"empty": True},
    "200 with HTML": {"html": True},
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=list(ANSWERS))
def test_one_run_is_kept_whatever_the_platform_answers(
    paid: PaidCall, control: httpx.Client, answer: dict[str, Any]
) -> None:
    fault(control, answer)
    run_id = paid.until_training()
    assert paid.kept() == [run_id]
    assert len(paid.errors) == 1


def test_one_run_is_kept_when_it_shows_in_the_list_30_s_late(paid: PaidCall, control: httpx.Client) -> None:
    fault(control, {"reset": "after", "lag": 30})
    for _ in range(8):
        with contextlib.suppress(InDoubt):
            finetune(paid.desk.later(), paid.ports, paid.desk)
        paid.clock.sleep(4)
        control.post("/clock", json={"advance": 4})
    run_id = paid.until_training()
    assert paid.kept() == [run_id]


@pytest.mark.parametrize(("header", "least"), [("1", 1), ("61", 61), (LATER, 60)], ids=["1", "61", "date"])
def test_the_wait_that_the_platform_asks_for_is_kept(
    paid: PaidCall, control: httpx.Client, header: str, least: float
) -> None:
    fault(control, {"status": 429, "headers": {"Retry-After": header}})
    with pytest.raises(Transient) as caught:
        finetune(paid.desk.later(), paid.ports, paid.desk)
    assert caught.value.after_s is not None
    assert caught.value.after_s >= least


def test_a_paid_call_that_there_was_no_room_for_waits_as_long_as_was_asked_and_is_looked_for(
    paid: PaidCall, control: httpx.Client
) -> None:
    fault(control, {"status": 503, "headers": {"Retry-After": "7"}})
    outcome = finetune(paid.desk.later(), paid.ports, paid.desk)
    assert isinstance(outcome, Snooze)
    assert outcome.seconds == 7

    run_id = paid.until_training()
    assert paid.kept() == [run_id]


def test_the_paid_call_is_sent_once_and_never_repeated_by_the_sdk(paid: PaidCall, control: httpx.Client) -> None:
    before = control.get("/counts").json().get("POST /fine-tunes", 0)
    fault(control, {"status": 500})
    with pytest.raises(InDoubt):
        finetune(paid.desk.later(), paid.ports, paid.desk)
    assert control.get("/counts").json()["POST /fine-tunes"] == before + 1


def test_no_money_is_told_in_the_platforms_words(paid: PaidCall, control: httpx.Client) -> None:
    fault(control, {"status": 402})
    with pytest.raises(Permanent) as caught:
        finetune(paid.desk.later(), paid.ports, paid.desk)
    assert caught.value.code == "insufficient_balance"
    assert paid.desk.notes["intent"] is None


def test_an_unknown_model_is_refused_before_anything_is_paid(platform: TogetherPlatform, file_id: str) -> None:
    spec = make_spec(finetune__model="nobody/nothing").finetune
    with pytest.raises(Permanent, match="nobody/nothing"):
        platform.run_request(spec, file_id, "small-00000000")


def test_hyperparameters_reach_the_platform_under_the_sdks_names(
    platform: TogetherPlatform, file_id: str, sandbox_url: str
) -> None:
    spec = make_spec(
        finetune__n_epochs=2, finetune__learning_rate=3e-5, finetune__lora_r=16, finetune__warmup_ratio=0.1
    )
    run_id = platform.start_run(platform.run_request(spec.finetune, file_id, "small-00000001"))
    raw = httpx.get(f"{sandbox_url}/v1/fine-tunes/{run_id}", headers={"Authorization": "Bearer any-key"}).json()
    assert (raw["n_epochs"], raw["learning_rate"], raw["warmup_ratio"]) == (2, 3e-5, 0.1)
    assert raw["training_type"]["lora_r"] == 16


def test_equal_bytes_are_one_file(platform: TogetherPlatform, tmp_path: Path) -> None:
    ids = set()
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_bytes(ROW * 7)
        ids.add(platform.upload(tmp_path / name, lambda done, total: None))
    assert len(ids) == 1


def test_the_platforms_verdict_on_a_bad_file_comes_in_its_words(platform: TogetherPlatform, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_bytes(b'{"foo": 1}\n')
    file_id = platform.upload(tmp_path / "bad.jsonl", lambda done, total: None)
    until = time.monotonic() + 10
    while (verdict := platform.check_file(file_id))[0] is FileStatus.PENDING and time.monotonic() < until:
        time.sleep(0.05)
    assert verdict[0] is FileStatus.INVALID
    assert verdict[1]


def test_a_run_is_followed_from_its_start_to_its_model(
    platform: TogetherPlatform, file_id: str, control: httpx.Client
) -> None:
    run_id = platform.start_run(platform.run_request(make_spec().finetune, file_id, "small-00000002"))
    assert platform.run(run_id).status is RunStatus.ACTIVE
    control.post("/clock", json={"advance": 3601})
    listed = next(run for run in platform.runs() if run.id == run_id)
    assert (listed.status, listed.word, listed.suffix) == (RunStatus.DONE, "completed", "small-00000002")
    assert listed.output_name


@pytest.mark.parametrize(("plan", "status"), [("error", RunStatus.FAILED), ("user_error", RunStatus.FAILED)])
def test_a_run_that_fails_tells_why(
    platform: TogetherPlatform, file_id: str, control: httpx.Client, plan: str, status: RunStatus
) -> None:
    fault(control, {"run": plan, "message": "CUDA out of memory on node 3"})
    run_id = platform.start_run(platform.run_request(make_spec().finetune, file_id, "small-00000003"))
    control.post("/clock", json={"advance": 3601})
    run = platform.run(run_id)
    assert run.status is status
    assert "CUDA out of memory on node 3" in run.words


def test_a_restarted_run_names_its_successor(platform: TogetherPlatform, file_id: str, control: httpx.Client) -> None:
    fault(control, {"run": "restart"})
    run_id = platform.start_run(platform.run_request(make_spec().finetune, file_id, "small-00000004"))
    control.post("/clock", json={"advance": 3601})
    again = platform.run(run_id).restarted_as
    assert platform.run(again).suffix in {"", "small-00000004"}
    assert again != run_id


def test_a_word_that_nobody_knows_reads_as_active(
    platform: TogetherPlatform, file_id: str, control: httpx.Client
) -> None:
    fault(control, {"run": "paused_forever"})
    run_id = platform.start_run(platform.run_request(make_spec().finetune, file_id, "small-00000005"))
    control.post("/clock", json={"advance": 3601})
    assert platform.run(run_id).status is RunStatus.ACTIVE


def test_stopping_a_run_twice_or_one_that_has_ended_is_fine(
    platform: TogetherPlatform, file_id: str, control: httpx.Client
) -> None:
    run_id = platform.start_run(platform.run_request(make_spec().finetune, file_id, "small-00000006"))
    platform.stop_run(run_id)
    control.post("/clock", json={"advance": 3601})
    platform.stop_run(run_id)
    assert platform.run(run_id).status is RunStatus.CANCELLED


def test_what_the_platform_does_not_know_is_absent(platform: TogetherPlatform) -> None:
    with pytest.raises(Absent):
        platform.run("ft-00000000-0000-0000-0000-000000000000")
    with pytest.raises(Absent):
        platform.check_file("file-00000000")


@pytest.mark.parametrize("action", [{"html": True}, {"empty": True}, {"status": 500}, {"reset": "before"}])
def test_an_odd_answer_to_a_look_is_no_news(
    platform: TogetherPlatform, control: httpx.Client, action: dict[str, Any]
) -> None:
    control.post("/faults", json=[{"method": "GET", "path": "/fine-tunes", "times": 5, "action": action}])
    with pytest.raises(Transient):
        platform.runs()


def test_a_refused_key_is_said_to_be_one(sandbox_url: str) -> None:
    with pytest.raises(HintrelayError) as caught:
        TogetherPlatform(base_url="http://127.0.0.1:9/v1", api_key="x", timeout_s=1).runs()
    assert isinstance(caught.value, Transient)


@pytest.mark.parametrize("answer", [{"html": True}, {"status": 200, "body": [1]}, {"empty": True}])
def test_odd_limits_are_not_remembered(
    platform: TogetherPlatform, file_id: str, control: httpx.Client, answer: dict[str, Any]
) -> None:
    """Found by the hostile platform: junk was kept, and every later job crashed on it."""
    control.post("/faults", json=[{"method": "GET", "path": "/fine-tunes/models/limits", "action": answer}])
    spec = make_spec(finetune__lora=True).finetune
    with pytest.raises(Transient):
        platform.run_request(spec, file_id, "small-00000007")
    assert platform.run_request(spec, file_id, "small-00000007")["suffix"] == "small-00000007"


def test_a_refusal_for_the_number_of_requests_is_not_waited_out_by_the_sdk(
    platform: TogetherPlatform, control: httpx.Client
) -> None:
    action = {"status": 429, "headers": {"Retry-After": "30"}}
    control.post("/faults", json=[{"method": "GET", "path": "/fine-tunes", "action": action}]).raise_for_status()
    before = control.get("/counts").json().get("GET /fine-tunes", 0)
    with pytest.raises(Busy) as caught:
        platform.runs()
    assert caught.value.after_s == 30.0
    assert control.get("/counts").json()["GET /fine-tunes"] == before + 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"finetune__n_epochs": 30}, "finetune.n_epochs is 30, at most 20"),
        ({"finetune__batch_size": 4}, "finetune.batch_size is 4, at least 8"),
        ({"finetune__batch_size": 4000}, "finetune.batch_size is 4000, at most 64"),
        ({"finetune__lora_r": 512}, "finetune.lora_r is 512, at most 64"),
        ({"finetune__learning_rate": 0.5}, "finetune.learning_rate is 0.5, at most 0.01"),
        ({"finetune__n_checkpoints": 99}, "finetune.n_checkpoints is 99, at most 20"),
    ],
)
def test_hyperparameters_beyond_the_limits_are_refused_with_the_platforms_numbers(
    platform: TogetherPlatform, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(Permanent, match=words) as refused:
        platform.run_request(make_spec(**change).finetune, "file-1", "small-0a1b2c3d")
    assert refused.value.code == "limits"


def test_a_marker_that_is_too_long_for_the_platform_is_refused(platform: TogetherPlatform) -> None:
    with pytest.raises(Permanent, match="41 characters; allowed are 40"):
        platform.run_request(make_spec().finetune, "file-1", "m" * 41)
