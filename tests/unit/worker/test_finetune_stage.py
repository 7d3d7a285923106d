"""The paid call: whatever happens around it, one run is kept."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from common.errors import HintrelayError, Permanent, Transient
from common.outcomes import Advance, Outcome, Snooze
from common.states import JobState
from tests.fakes.parts import FakeClock, FakeDesk, make_job, make_ports
from tests.fakes.platform import FakePlatform, Killed
from worker.ports import InDoubt, Ports, RunStatus
from worker.stages.finetune import finetune

MARKER = "small-0a1b2c3d"


class Bench:
    """One job at its finetune stage; `attempt` runs the stage as the next worker would."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.platform = FakePlatform()
        self.ports: Ports = make_ports(folder, platform=self.platform, clock=self.clock)
        self.desk = FakeDesk(make_job(JobState.UPLOADED, file_id="file-1"), clock=self.clock)

    def attempt(self) -> Outcome | BaseException:
        try:
            return finetune(self.desk.later(), self.ports, self.desk)
        except (HintrelayError, Killed) as exc:
            return exc

    def until_training(self, step_s: float = 5.0) -> Advance:
        for _ in range(60):
            outcome = self.attempt()
            if isinstance(outcome, Advance):
                return outcome
            self.clock.sleep(step_s)
        raise AssertionError("never came to training")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_run_is_started_under_the_jobs_marker_and_its_id_kept(bench: Bench) -> None:
    outcome = bench.attempt()
    assert outcome == Advance(
        JobState.TRAINING, {"run_id": "ft-00000001", "status": "pending", "intent": None, "paid": "0"}
    )
    assert bench.platform.run_by_id["ft-00000001"].suffix == MARKER


def test_the_intent_is_noted_before_the_platform_is_asked(bench: Bench) -> None:
    bench.platform.faults = ["kill_before"]
    assert isinstance(bench.attempt(), Killed)
    assert bench.desk.notes["intent"]


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "kill_before", "kill_after"])
def test_whatever_cuts_the_paid_call_one_run_is_kept(bench: Bench, fault: str) -> None:
    bench.platform.faults = [fault]
    bench.until_training()
    assert len(bench.platform.kept()) == 1
    assert bench.platform.calls.count("start_run") == (1 if fault.endswith("after") else 2)


@pytest.mark.parametrize(
    "faults", [["reset_after"] * 3, ["kill_before", "kill_after"], ["reset_before", "reset_after"]]
)
def test_one_run_is_kept_however_often_the_call_is_cut(bench: Bench, faults: list[str | HintrelayError]) -> None:
    bench.platform.faults = faults
    bench.until_training()
    assert len(bench.platform.kept()) == 1


def test_a_run_that_the_list_shows_30_s_late_is_found_and_not_doubled(bench: Bench) -> None:
    bench.platform.faults = ["reset_after"]
    assert isinstance(bench.attempt(), InDoubt)
    bench.platform.hidden = {"ft-00000001"}
    while bench.clock.now_s < 1_800_000_030:
        assert isinstance(bench.attempt(), Snooze)
        bench.clock.sleep(5)
    bench.platform.hidden = set()
    assert bench.until_training().facts["run_id"] == "ft-00000001"
    assert bench.platform.calls.count("start_run") == 1


def test_a_refusal_leaves_no_doubt_and_is_asked_again_at_once(bench: Bench) -> None:
    bench.platform.faults = [Transient("429", after_s=1)]
    assert isinstance(bench.attempt(), Transient)
    assert isinstance(bench.attempt(), Advance)
    assert "runs" not in bench.platform.calls


def test_a_permanent_refusal_is_handed_on_in_the_platforms_words(bench: Bench) -> None:
    bench.platform.faults = [Permanent("the platform answered 402: insufficient balance")]
    outcome = bench.attempt()
    assert isinstance(outcome, Permanent)
    assert "insufficient balance" in outcome.message


def test_of_several_runs_with_the_marker_the_oldest_is_kept_and_the_others_cancelled(bench: Bench) -> None:
    bench.desk.notes["intent"] = "1"
    runs = [bench.platform.add_run(MARKER) for _ in range(3)]
    outcome = bench.attempt()
    assert isinstance(outcome, Advance)
    assert outcome.facts["run_id"] == runs[0]
    assert bench.platform.kept() == [runs[0]]
    assert [name for name, _ in bench.desk.events] == ["extra_run_cancelled"] * 2


def test_a_completed_run_is_preferred_to_one_that_still_trains(bench: Bench) -> None:
    bench.desk.notes["intent"] = "1"
    bench.platform.add_run(MARKER)
    done = bench.platform.add_run(MARKER, status=RunStatus.DONE)
    outcome = bench.attempt()
    assert isinstance(outcome, Advance)
    assert outcome.facts["run_id"] == done


def test_somebody_elses_run_is_left_alone(bench: Bench) -> None:
    bench.desk.notes["intent"] = "1"
    bench.platform.add_run("small-ffffffff")
    bench.until_training()
    assert len(bench.platform.kept()) == 2


def test_retry_after_a_failed_run_pays_for_a_new_one_and_remembers_the_old(bench: Bench) -> None:
    spent = bench.platform.add_run(MARKER, status=RunStatus.FAILED)
    bench.desk.notes.update(run_id=spent, intent="1")
    outcome = bench.until_training()
    assert outcome.facts["run_id"] != spent
    assert bench.desk.notes["spent_runs"] == [spent]


@pytest.mark.parametrize("status", [RunStatus.ACTIVE, RunStatus.DONE])
def test_retry_does_not_pay_again_for_a_run_that_can_still_be_used(bench: Bench, status: RunStatus) -> None:
    kept = bench.platform.add_run(MARKER, status=status)
    bench.desk.notes.update(run_id=kept, intent="1")
    outcome = bench.attempt()
    assert isinstance(outcome, Advance)
    assert outcome.facts["run_id"] == kept
    assert "start_run" not in bench.platform.calls


def test_a_run_that_was_cancelled_before_it_was_known_is_not_adopted(bench: Bench) -> None:
    bench.desk.notes["intent"] = "1"
    cancelled = bench.platform.add_run(MARKER, status=RunStatus.CANCELLED)
    assert bench.until_training().facts["run_id"] != cancelled


def killed_at_line(number: int) -> Callable[[FrameType, str, Any], Any]:
    """A trace function that kills the process at the n-th line that the stage's own file runs."""
    left = [number]

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        if not frame.f_code.co_filename.endswith("stages/finetune.py"):
            return None
        if event == "line":
            left[0] -= 1
            if left[0] == 0:
                raise Killed
        return trace

    return trace


def attempt_killed_at(bench: Bench, line: int) -> bool:
    """Whether the stage came to that line, and so was killed there."""
    before = sys.gettrace()
    sys.settrace(killed_at_line(line))
    try:
        return isinstance(bench.attempt(), Killed)
    finally:
        sys.settrace(before)


@pytest.mark.parametrize("fault", [None, "reset_after", "reset_before"])
def test_killed_at_any_line_of_the_stage_one_run_is_kept(tmp_path: Path, fault: str | None) -> None:
    line = 0
    while True:
        line += 1
        bench = Bench(tmp_path)
        bench.platform.faults = [fault] if fault else []
        if not attempt_killed_at(bench, line):
            break
        bench.until_training()
        assert len(bench.platform.kept()) == 1, f"killed at line {line} of the stage"
    assert line > 10  # it did come to the stage's lines


def test_killed_at_any_line_of_the_second_look_too_one_run_is_kept(tmp_path: Path) -> None:
    for line in range(1, 60):
        bench = Bench(tmp_path)
        bench.platform.faults = ["reset_after"]
        assert isinstance(bench.attempt(), InDoubt)
        attempt_killed_at(bench, line)
        bench.until_training()
        assert len(bench.platform.kept()) == 1, f"killed at line {line} of the second look"
