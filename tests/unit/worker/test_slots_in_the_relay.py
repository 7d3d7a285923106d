"""max_running from end to end, over fakes: no more runs than may be, and each that ends makes room for the next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from common.errors import Permanent
from common.keys import Keys
from common.outcomes import AwaitSlot, Reject, Snooze
from common.states import JobState
from common.waiting import waiting
from tests.fakes.parts import FakeDesk, make_job, make_ports, make_spec
from tests.fakes.relay import Relay
from worker.ports import RunStatus
from worker.stages import admission
from worker.stages.finetune import finetune


@pytest.fixture
def relay(tmp_path: Path) -> Relay:
    return Relay(tmp_path)


def active(relay: Relay) -> list[str]:
    return [run.id for run in relay.platform.run_by_id.values() if run.status is RunStatus.ACTIVE]


def test_never_more_runs_than_the_spec_allows_and_all_come_through(relay: Relay) -> None:
    ids = [relay.submit(fresh=True, limits__max_running=2) for _ in range(5)]
    relay.drive()
    for _ in range(5):
        assert len(active(relay)) <= 2
        for run_id in active(relay)[:1]:
            relay.platform.complete(run_id)
        relay.round()
        relay.check()
    assert [relay.get(job_id).state for job_id in ids] == [JobState.TRAINED] * 5
    assert relay.platform.calls.count("start_run") == 5


def test_jobs_that_share_a_run_are_one_run_under_way(relay: Relay) -> None:
    """Found by review: three jobs of one run were three runs, so that a run of another job waited for nothing."""
    first, second, third = (relay.submit(limits__max_running=2, generate__temperature=t) for t in (0.1, 0.2, 0.3))
    relay.drive()
    other, late = (relay.submit(fresh=True, limits__max_running=2) for _ in range(2))
    relay.drive()
    assert [relay.get(job_id).state for job_id in (first, second, third, other)] == [JobState.TRAINING] * 4
    assert relay.get(late).state is JobState.UPLOADED
    relay.commands.cancel(first)  # the run is the second's from now on, and under way still
    for _ in range(3):
        relay.round()
    assert relay.get(first).state is JobState.CANCELLED
    assert relay.get(late).state is JobState.UPLOADED
    for job_id in (second, third):
        relay.commands.cancel(job_id)
    for _ in range(3):
        relay.round()
    assert relay.get(late).state is JobState.TRAINING
    assert len(active(relay)) == 2


def test_a_job_that_shared_a_run_takes_a_slot_for_one_of_its_own(relay: Relay) -> None:
    jobs = [relay.submit(limits__max_running=1, generate__temperature=t) for t in (0.1, 0.2)]
    relay.drive()
    relay.platform.change("ft-00000001", RunStatus.FAILED, "error", words="bad luck")
    relay.round()
    relay.commands.retry(jobs[1])
    relay.drive()
    assert relay.get(jobs[1]).state is JobState.TRAINING
    late = relay.submit(fresh=True, limits__max_running=1)
    relay.drive()
    assert relay.get(late).state is JobState.UPLOADED


def test_a_job_that_waits_says_for_what_and_costs_no_nudge(relay: Relay) -> None:
    relay.submit(fresh=True, limits__max_running=1)
    late = relay.submit(fresh=True, limits__max_running=1)
    relay.drive()
    words = waiting(relay.get(late), relay.clock.ms())
    assert words == "finetune waits: 1 of at most 1 run is under way; one that ends makes room"
    for _ in range(10):
        relay.tick(60)
        assert relay.nudges.sent == []


def test_the_tick_that_sees_a_run_end_makes_the_next_begin(relay: Relay) -> None:
    first, second = (relay.submit(fresh=True, limits__max_running=1) for _ in range(2))
    relay.drive()
    relay.platform.complete("ft-00000001")
    relay.round()
    assert relay.get(first).state is JobState.TRAINED
    assert relay.get(second).state is JobState.TRAINING


def test_a_waiting_job_is_failed_at_its_deadline_and_cancelled_at_once(relay: Relay) -> None:
    relay.submit(fresh=True, limits__max_running=1)
    late = relay.submit(fresh=True, limits__max_running=1, limits__deadline="1h")
    unwanted = relay.submit(fresh=True, limits__max_running=1)
    relay.drive()
    assert relay.commands.cancel(unwanted).state is JobState.CANCELLED
    relay.round(3601)
    error = relay.get(late).error
    assert error is not None
    assert error["code"] == "deadline"
    assert relay.redis.zcard(Keys.due) == 1


def test_a_platform_that_refuses_gives_the_slot_to_the_next(relay: Relay) -> None:
    relay.platform.faults = [Permanent("no money")]
    first, second = (relay.submit(fresh=True, limits__max_running=1) for _ in range(2))
    relay.drive()
    assert relay.get(first).state is JobState.FAILED
    assert relay.get(second).state is JobState.TRAINING


def test_the_limit_for_all_jobs_counts_where_the_spec_has_none(tmp_path: Path) -> None:
    ports = replace(make_ports(tmp_path), max_running=3)
    desk = FakeDesk(make_job(JobState.UPLOADED, make_spec(limits__max_running=7), file_id="file-1"), under_way=3)
    outcome = finetune(desk.later(), ports, desk)
    assert outcome == AwaitSlot(7, "3 of at most 3 runs are under way; one that ends makes room")


def test_a_check_that_refuses_is_obeyed_before_the_slot_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait, stop = Snooze(60, "the budget is spent"), Reject("too dear")
    desk = FakeDesk(make_job(JobState.UPLOADED, file_id="file-1"))
    for verdicts, outcome in (((None, wait), wait), ((stop, wait), stop)):
        checks = tuple(lambda *_, verdict=verdict: verdict for verdict in verdicts)
        monkeypatch.setattr(admission, "BEFORE_PAYING", checks)
        assert finetune(desk.later(), make_ports(tmp_path), desk) == outcome
    assert "intent" not in desk.notes
    assert not desk.yielded


@pytest.mark.parametrize("facts", [{"place": "000001:000000000001:0a1b2c3d"}, {"reserved": "5000000"}])
def test_a_slot_that_was_handed_on_or_not_made_use_of_is_given_back_where_a_check_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any]
) -> None:
    monkeypatch.setattr(admission, "BEFORE_PAYING", (lambda *_: Snooze(60, "the budget is spent"),))
    desk = FakeDesk(make_job(JobState.UPLOADED, file_id="file-1", **facts))
    finetune(desk.later(), make_ports(tmp_path), desk)
    assert desk.yielded
