"""The runner over a real store: leases, attempts, wishes, and stages that misbehave."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.errors import Permanent, Transient
from common.job import Job
from common.outcomes import Advance, Outcome, Snooze
from common.states import JobState
from tests.fakes.relay import LEASE_S, Relay
from worker.ports import Desk, Ports
from worker.runner import Then
from worker.stages import BY_NAME


def relay_with(folder: Path, prepare: Callable[[Job, Ports, Desk], Outcome]) -> Relay:
    return Relay(folder, stages={**BY_NAME, "prepare": prepare})


def raising(error: Exception) -> Callable[..., Outcome]:
    def stage(job: Job, ports: Ports, desk: Desk) -> Outcome:
        raise error

    return stage


def test_one_message_carries_a_job_as_far_as_this_worker_serves(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    job_id = relay.submit()
    ran = relay.runner.run(job_id, "prepare")
    assert ran.state is JobState.TRAINING
    assert relay.types(job_id) == ["job_accepted", "data_prepared", "file_uploaded", "training_started"]
    relay.check()


def test_a_doubled_message_is_a_no_op(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    job_id = relay.submit()
    relay.runner.run(job_id, "prepare")
    before = relay.get(job_id)
    assert relay.runner.run(job_id, "prepare").then is Then.RUN_ON
    assert relay.runner.run(job_id, "finetune").then is Then.RUN_ON
    assert relay.get(job_id) == before
    assert relay.platform.calls.count("start_run") == 1


def test_a_message_for_a_job_that_another_worker_holds_ends_its_chain(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    job_id = relay.submit()
    relay.store.claim(job_id, "prepare", JobState.ACCEPTED, 30_000)
    assert relay.runner.run(job_id, "prepare").then is Then.END
    assert relay.get(job_id).state is JobState.ACCEPTED


def test_a_worker_that_lost_its_lease_cannot_move_the_job(tmp_path: Path) -> None:
    seen: list[Any] = []

    def slow(job: Job, ports: Ports, desk: Desk) -> Outcome:
        relay.clock.sleep(LEASE_S + 1)  # it hung; meanwhile another worker takes the job
        seen.append(relay.store.claim(job.id, "prepare", JobState.ACCEPTED, 30_000))
        return Advance(JobState.PREPARED)

    relay = relay_with(tmp_path, slow)
    job_id = relay.submit()
    assert relay.runner.run(job_id, "prepare").then is Then.END
    assert relay.get(job_id).state is JobState.ACCEPTED
    assert relay.types(job_id) == ["job_accepted"]


def test_a_transient_error_spends_an_attempt_and_waits(tmp_path: Path) -> None:
    relay = relay_with(tmp_path, raising(Transient("the platform answered 503")))
    job_id = relay.submit()
    relay.runner.run(job_id, "prepare")
    job = relay.get(job_id)
    assert (job.attempt, job.state) == (2, JobState.ACCEPTED)
    assert "503" in job.snooze
    relay.check()


def test_the_last_attempt_fails_the_job_with_its_reason(tmp_path: Path) -> None:
    relay = relay_with(tmp_path, raising(Transient("the platform answered 503")))
    job_id = relay.submit(limits__max_attempts=3)
    for _ in range(3):
        relay.runner.run(job_id, "prepare")
        relay.clock.sleep(600)
    assert relay.get(job_id).error == {
        "stage": "prepare",
        "code": "transient",
        "message": "the platform answered 503",
        "attempts": 3,
    }
    assert relay.types(job_id) == ["job_accepted", "attempt_failed", "attempt_failed", "job_failed"]
    relay.check()


def test_a_message_during_backoff_does_not_start_the_stage_early(tmp_path: Path) -> None:
    relay = relay_with(tmp_path, raising(Transient("429", after_s=60)))
    job_id = relay.submit()
    relay.runner.run(job_id, "prepare")
    relay.runner.run(job_id, "prepare")
    assert relay.get(job_id).attempt == 2


def test_a_permanent_error_fails_the_job_at_once(tmp_path: Path) -> None:
    relay = relay_with(tmp_path, raising(Permanent("the platform answered 402", code="insufficient_balance")))
    job_id = relay.submit()
    relay.runner.run(job_id, "prepare")
    error = relay.get(job_id).error
    assert error is not None
    assert error["code"] == "insufficient_balance"


def test_a_bug_in_a_stage_is_an_attempt_and_no_crash_of_the_worker(tmp_path: Path) -> None:
    relay = relay_with(tmp_path, raising(ZeroDivisionError("division by zero")))
    job_id = relay.submit()
    relay.runner.run(job_id, "prepare")
    assert relay.get(job_id).attempt == 2


def test_a_snooze_keeps_the_attempt(tmp_path: Path) -> None:
    relay = relay_with(tmp_path, lambda job, ports, desk: Snooze(10, "the platform validates"))
    job_id = relay.submit()
    relay.runner.run(job_id, "prepare")
    assert relay.get(job_id).attempt == 1
    relay.check()


def test_retry_takes_a_failed_job_up_from_the_stage_that_failed(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    relay.platform.faults = [Permanent("402: insufficient balance")]
    job_id = relay.submit()
    relay.drive()
    assert relay.get(job_id).state is JobState.FAILED
    relay.commands.retry(job_id)
    assert relay.get(job_id).state is JobState.UPLOADED
    relay.drive()
    assert relay.get(job_id).state is JobState.TRAINING
    assert relay.platform.calls.count("upload") == 1


def test_a_wish_to_cancel_is_done_by_whoever_claims_the_job_next(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    job_id = relay.submit()
    relay.drive()
    relay.commands.cancel(job_id)
    relay.drive()
    assert relay.get(job_id).state is JobState.CANCELLED
    assert relay.platform.kept() == []
    relay.check()


def test_a_wish_that_comes_while_a_stage_works_ends_the_job_after_it(tmp_path: Path) -> None:
    def wished(job: Job, ports: Ports, desk: Desk) -> Outcome:
        relay.commands.cancel(job.id)
        return BY_NAME["prepare"](job, ports, desk)

    relay = relay_with(tmp_path, wished)
    job_id = relay.submit()
    relay.runner.run(job_id, "prepare")
    assert relay.get(job_id).state is JobState.CANCELLED
    assert "start_run" not in relay.platform.calls


def test_a_job_past_its_deadline_fails_and_takes_its_run_along(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    job_id = relay.submit(limits__deadline="1h")
    relay.drive()
    relay.round(3700)
    error = relay.get(job_id).error
    assert error is not None
    assert error["code"] == "deadline"
    assert relay.platform.kept() == []
    relay.check()


def test_a_job_that_kills_its_workers_is_given_up(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    job_id = relay.submit()
    for _ in range(22):
        relay.store.claim(job_id, "prepare", JobState.ACCEPTED, 1000)
        relay.clock.sleep(2)
    relay.runner.run(job_id, "prepare")
    error = relay.get(job_id).error
    assert error is not None
    assert error["code"] == "crashed"


def test_a_stopping_worker_gives_its_job_back(tmp_path: Path) -> None:
    def stopped(job: Job, ports: Ports, desk: Desk) -> Outcome:
        relay.stop.set()
        desk.check()
        raise AssertionError("the check lets nobody pass")

    relay = relay_with(tmp_path, stopped)
    job_id = relay.submit()
    relay.runner.run(job_id, "prepare")
    job = relay.get(job_id)
    assert (job.state, job.attempt, job.lease_until) == (JobState.ACCEPTED, 1, 0)
    assert job.not_before <= relay.clock.ms()


@pytest.mark.parametrize("state", ["accepted", "training"])
def test_a_job_that_does_not_exist_is_nothing_to_worry_about(tmp_path: Path, state: str) -> None:
    assert Relay(tmp_path).runner.run("ffffffff", "prepare").then is Then.END


def test_a_lost_artifact_is_made_again_by_retry_and_nothing_is_paid_twice(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    job_id = relay.submit()
    relay.commands.register_deployment(job_id, "acme/x")
    relay.drive()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            path.unlink()
    relay.platform.complete(relay.get(job_id).run_id or "")
    relay.round()
    error = relay.get(job_id).error
    assert error is not None
    assert error["code"] == "artifact_lost"
    relay.commands.retry(job_id)
    relay.drive()
    relay.round(20)
    relay.round()
    assert relay.get(job_id).state is JobState.SUCCEEDED
    assert len(relay.platform.run_by_id) == 1
