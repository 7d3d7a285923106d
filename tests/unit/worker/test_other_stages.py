"""prepare, upload, generate, evaluate and cancel over fakes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from common.errors import Permanent, StaleMove, Transient
from common.job import Job, Pointer
from common.outcomes import Advance, Outcome, Reject, Snooze
from common.states import JobState
from tests.fakes.parts import (
    FakeClock,
    FakeDatasets,
    FakeDesk,
    FakeHintModel,
    hinteval_json,
    make_job,
    make_ports,
    make_spec,
)
from tests.fakes.platform import FakePlatform
from worker.ports import Absent, FileStatus, Ports, RunStatus
from worker.stages.cancel import cancel
from worker.stages.evaluate import evaluate
from worker.stages.generate import generate
from worker.stages.prepare import prepare
from worker.stages.upload import upload


def advanced(outcome: Outcome) -> Advance:
    assert isinstance(outcome, Advance), outcome
    return outcome


def pointer(raw: dict[str, Any]) -> Pointer:
    return Pointer(raw["sha256"], raw["size"])


def prepared(ports: Ports, **changes: Any) -> tuple[Job, Advance]:
    job = make_job(JobState.ACCEPTED, make_spec(**changes))
    return job, advanced(prepare(job, ports, FakeDesk(job)))


# ---- prepare -----------------------------------------------------------------------------------------------------


def test_prepare_writes_one_line_for_each_row_that_can_be_trained_on(tmp_path: Path) -> None:
    ports = make_ports(tmp_path)
    _, outcome = prepared(ports)
    lines = ports.artifacts.get(pointer(outcome.facts["training"])).splitlines()
    first = orjson.loads(lines[0])
    assert len(lines) == 6
    assert [turn["role"] for turn in first["messages"]] == ["system", "user", "assistant"]
    assert first["messages"][1]["content"].startswith('Generate 5 hints for the following question without using "')
    assert first["messages"][2]["content"].startswith("1. Clue 0 of ")


def test_prepare_gives_the_same_bytes_for_a_seed_and_others_for_another(tmp_path: Path) -> None:
    ports = make_ports(tmp_path)
    hashes = [prepared(ports, dataset__seed=seed)[1].facts["training"]["sha256"] for seed in (1, 1, 2)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_rows_without_answer_or_hints_are_counted_and_not_trained_on(tmp_path: Path) -> None:
    document = json.loads(hinteval_json(train=4))
    rows = list(document["subsets"]["train"]["instances"].values())
    rows[0]["answers"], rows[1]["hints"] = [], []
    ports = make_ports(tmp_path)
    assert isinstance(ports.datasets, FakeDatasets)
    ports.datasets.known["small"] = json.dumps(document).encode()
    _, outcome = prepared(ports)
    assert outcome.facts["counts"] == {
        "train_rows": 2,
        "test_questions": 3,
        "dropped_no_answer": 1,
        "dropped_no_hints": 1,
    }


def test_the_llama3_format_carries_the_chat_template_in_its_text(tmp_path: Path) -> None:
    ports = make_ports(tmp_path)
    _, outcome = prepared(ports, finetune__format="llama3")
    text = orjson.loads(ports.artifacts.get(pointer(outcome.facts["training"])).splitlines()[0])["text"]
    assert text.startswith("<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nYou are")
    assert text.endswith("<|eot_id|>")


def test_a_data_set_without_the_subset_is_rejected_with_what_it_has(tmp_path: Path) -> None:
    job = make_job(JobState.ACCEPTED, make_spec(dataset__train="training"))
    outcome = prepare(job, make_ports(tmp_path), FakeDesk(job))
    assert isinstance(outcome, Reject)
    assert "no subset 'training'; it has: test, train" in outcome.reason


# ---- upload ------------------------------------------------------------------------------------------------------


def ready_to_upload(ports: Ports) -> FakeDesk:
    _, outcome = prepared(ports)
    return FakeDesk(make_job(JobState.PREPARED, training=outcome.facts["training"]))


def test_upload_advances_once_the_platform_finds_the_file_valid(tmp_path: Path) -> None:
    ports = make_ports(tmp_path)
    desk = ready_to_upload(ports)
    outcome = advanced(upload(desk.job, ports, desk))
    assert outcome.to is JobState.UPLOADED
    assert desk.notes["file_id"] == outcome.facts["file_id"]


def test_equal_bytes_are_uploaded_once_for_all_jobs(tmp_path: Path) -> None:
    platform = FakePlatform()
    ports = make_ports(tmp_path, platform=platform)
    desk = ready_to_upload(ports)
    upload(desk.job, ports, desk)
    upload(desk.job, ports, FakeDesk(desk.job, files=desk.files))
    assert platform.calls.count("upload") == 1


def test_while_another_job_uploads_the_same_bytes_this_one_waits(tmp_path: Path) -> None:
    platform = FakePlatform()
    ports = make_ports(tmp_path, platform=platform)
    desk = ready_to_upload(ports)
    desk.others_at_work = True
    assert isinstance(upload(desk.job, ports, desk), Snooze)
    assert "upload" not in platform.calls


def test_a_file_that_the_platform_refuses_ends_the_job_in_its_words(tmp_path: Path) -> None:
    platform = FakePlatform()
    ports = make_ports(tmp_path, platform=platform)
    desk = ready_to_upload(ports)
    platform.files = {"file-x": (FileStatus.INVALID, "line 3 has no assistant")}
    outcome = upload(desk.later(file_id="file-x"), ports, desk)
    assert isinstance(outcome, Reject)
    assert "line 3 has no assistant" in outcome.reason


def test_long_validation_is_waited_for_in_due_and_not_in_a_worker(tmp_path: Path) -> None:
    platform = FakePlatform()
    clock = FakeClock()
    ports = make_ports(tmp_path, platform=platform, clock=clock)
    desk = ready_to_upload(ports)
    platform.files = {"file-x": (FileStatus.PENDING, "")}
    began = clock.now_s
    assert isinstance(upload(desk.later(file_id="file-x"), ports, desk), Snooze)
    assert clock.now_s - began < 5


def test_a_file_that_was_deleted_by_hand_is_uploaded_again(tmp_path: Path) -> None:
    ports = make_ports(tmp_path)
    desk = ready_to_upload(ports)
    with pytest.raises(Absent):
        upload(desk.later(file_id="file-gone"), ports, desk)
    assert advanced(upload(desk.later(), ports, desk)).facts["file_id"] != "file-gone"


# ---- generate and evaluate ---------------------------------------------------------------------------------------


def ready_to_generate(ports: Ports, **changes: Any) -> FakeDesk:
    job, outcome = prepared(ports, **changes)
    return FakeDesk(make_job(JobState.DEPLOYED, job.spec, deployment="acme/x", questions=outcome.facts["questions"]))


def test_each_question_gets_as_many_hints_as_were_asked_for(tmp_path: Path) -> None:
    ports = make_ports(tmp_path)
    desk = ready_to_generate(ports, generate__num_of_hints=2)
    outcome = advanced(generate(desk.job, ports, desk))
    subset = orjson.loads(ports.artifacts.get(pointer(outcome.facts["hints"])))
    assert [len(one["hints"]) for one in subset["instances"].values()] == [2, 2, 2]
    assert list(subset["instances"]) == ["test_0", "test_1", "test_2"]


def test_a_surplus_is_cut_and_a_shortfall_kept_and_both_are_told_for_each_question(tmp_path: Path) -> None:
    for surplus, told in ((3, ("hints_surplus", 9)), (-1, ("hints_missing", 3))):
        ports = make_ports(tmp_path, model=FakeHintModel(surplus=surplus))
        desk = ready_to_generate(ports, generate__num_of_hints=2)
        outcome = advanced(generate(desk.job, ports, desk))
        subset = orjson.loads(ports.artifacts.get(pointer(outcome.facts["hints"])))
        one = subset["instances"]["test_0"]
        assert one["metadata"]["hintrelay"] == {"asked": 2, "received": 2 + surplus}
        assert len(one["hints"]) == min(2, 2 + surplus)
        assert outcome.facts["counts"][told[0]] == told[1]


def test_what_was_stored_before_a_crash_is_not_asked_again(tmp_path: Path) -> None:
    model = FakeHintModel()
    ports = make_ports(tmp_path, model=model)
    desk = ready_to_generate(ports)
    desk.pieces["test_0"] = json.dumps({"hints": ["kept"], "asked": 2, "received": 1})
    outcome = advanced(generate(desk.job, ports, desk))
    subset = orjson.loads(ports.artifacts.get(pointer(outcome.facts["hints"])))
    assert len(model.asked) == 2
    assert subset["instances"]["test_0"]["hints"][0]["hint"] == "kept"


def test_answers_are_read_some_at_once_as_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.asking.AT_ONCE", 2)
    ports = make_ports(tmp_path)
    desk = ready_to_generate(ports)
    read: list[list[str]] = []
    kept_of = desk.kept_of

    def told(names: Sequence[str]) -> dict[str, str]:
        read.append(list(names))
        return kept_of(names)

    monkeypatch.setattr(desk, "kept_of", told)
    outcome = advanced(generate(desk.job, ports, desk))
    assert read == [["test_0", "test_1"], ["test_2"]]
    subset = orjson.loads(ports.artifacts.get(pointer(outcome.facts["hints"])))
    assert list(subset["instances"]) == ["test_0", "test_1", "test_2"]
    assert (subset["name"], subset["metadata"]) == ("test", {})


def test_a_429_costs_one_question_and_not_the_batch(tmp_path: Path) -> None:
    model = FakeHintModel()
    ports = make_ports(tmp_path, model=model)
    desk = ready_to_generate(ports, generate__batch_size=1)
    model.faults["What is test1?"] = Transient("429", after_s=2)
    outcome = generate(desk.job, ports, desk)
    assert isinstance(outcome, Snooze)  # it got on, so no attempt is spent
    assert outcome.seconds >= 2
    assert set(desk.pieces) == {"test_0"}
    advanced(generate(desk.job, ports, desk))
    assert set(desk.pieces) == {"test_0", "test_1", "test_2"}


def test_a_fault_without_any_gain_spends_an_attempt(tmp_path: Path) -> None:
    model = FakeHintModel()
    ports = make_ports(tmp_path, model=model)
    desk = ready_to_generate(ports, generate__batch_size=1)
    model.faults["What is test0?"] = Transient("503")
    with pytest.raises(Transient):
        generate(desk.job, ports, desk)


def test_a_name_that_does_not_answer_is_told_in_the_platforms_words(tmp_path: Path) -> None:
    model = FakeHintModel()
    ports = make_ports(tmp_path, model=model)
    desk = ready_to_generate(ports, generate__batch_size=1)
    model.faults["What is test0?"] = Permanent("acme/x answered 404: no such model", code="deployment_unknown")
    with pytest.raises(Permanent, match="no such model"):
        generate(desk.job, ports, desk)


def test_generate_stops_when_the_lease_is_lost(tmp_path: Path) -> None:
    ports = make_ports(tmp_path)
    desk = ready_to_generate(ports)
    desk.lost = True
    with pytest.raises(StaleMove):
        generate(desk.job, ports, desk)


def test_scores_stand_at_each_hint_and_their_means_on_the_record(tmp_path: Path) -> None:
    ports = make_ports(tmp_path)
    desk = ready_to_generate(ports, evaluate__metrics=["rouge1", "answer_leakage"])
    hints = advanced(generate(desk.job, ports, desk)).facts["hints"]
    job = make_job(JobState.GENERATED, desk.job.spec, hints=hints, deployment="acme/x")
    outcome = advanced(evaluate(job, ports, desk))
    result = json.loads(ports.artifacts.get(pointer(outcome.facts["results"])))
    hint = result["subsets"]["test"]["instances"]["test_0"]["hints"][0]
    assert hint["metrics"]["fake-rouge1"]["value"] == len(hint["hint"])
    assert outcome.facts["scores"]["rouge1"] == {"mean": 24.0, "n": 6, "questions": 3, "low": 24.0, "high": 24.0}
    assert result["metadata"]["hintrelay"]["job"] == job.id


# ---- cancel ------------------------------------------------------------------------------------------------------


def cancelling(state: JobState, **facts: Any) -> FakeDesk:
    job = make_job(state, **facts)
    object.__setattr__(job, "wish", "cancel")
    return FakeDesk(job)


def test_cancel_reaches_the_run_on_the_platform(tmp_path: Path) -> None:
    platform = FakePlatform()
    run_id = platform.add_run("small-0a1b2c3d")
    desk = cancelling(JobState.TRAINING, run_id=run_id)
    outcome = cancel(desk.job, make_ports(tmp_path, platform=platform), desk)
    assert isinstance(outcome, Reject)
    assert outcome.to is JobState.CANCELLED
    assert platform.run_by_id[run_id].status is RunStatus.CANCELLED


def test_a_cancel_that_the_platform_does_not_heed_is_repeated(tmp_path: Path) -> None:
    platform = FakePlatform()
    platform.on_stop = lambda run_id: None
    desk = cancelling(JobState.TRAINING, run_id=platform.add_run("small-0a1b2c3d"))
    assert isinstance(cancel(desk.job, make_ports(tmp_path, platform=platform), desk), Snooze)


def test_cancel_in_doubt_waits_for_the_run_that_may_appear_and_stops_it(tmp_path: Path) -> None:
    platform = FakePlatform()
    clock = FakeClock()
    ports = make_ports(tmp_path, platform=platform, clock=clock)
    desk = cancelling(JobState.UPLOADED, intent=str(clock.now_s))
    desk.clock = clock
    assert isinstance(cancel(desk.job, ports, desk), Snooze)
    run_id = platform.add_run("small-0a1b2c3d")
    assert isinstance(cancel(desk.job, ports, desk), Reject)
    assert platform.run_by_id[run_id].status is RunStatus.CANCELLED


def test_a_deadline_ends_the_job_as_failed_and_says_where_it_was(tmp_path: Path) -> None:
    platform = FakePlatform()
    run_id = platform.add_run("small-0a1b2c3d")
    desk = FakeDesk(make_job(JobState.TRAINING, run_id=run_id))
    outcome = cancel(desk.job, make_ports(tmp_path, platform=platform), desk)
    assert isinstance(outcome, Reject)
    assert (outcome.to, outcome.code, outcome.resume) == (JobState.FAILED, "deadline", JobState.UPLOADED)
    assert platform.kept() == []
