"""Equal runs are trained once: who pays, who waits, who fails, and who may stop it. Real store, runner and tick."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import Permanent
from common.keys import Keys
from common.states import JobState
from tests.fakes.platform import Killed
from tests.fakes.relay import Relay
from worker.ports import RunStatus


@pytest.fixture
def relay(tmp_path: Path) -> Relay:
    return Relay(tmp_path)


def equal(relay: Relay, count: int, **changes: object) -> list[str]:
    return [relay.submit(**changes) for _ in range(count)]


def named(relay: Relay, jobs: list[str]) -> None:
    for job_id in jobs:
        relay.commands.register_deployment(job_id, f"acme/{job_id}")


def states(relay: Relay, jobs: list[str]) -> list[JobState]:
    return [relay.get(job_id).state for job_id in jobs]


def test_equal_jobs_are_trained_by_one_run_and_generate_each_for_itself(relay: Relay) -> None:
    jobs = equal(relay, 3)
    named(relay, jobs)
    relay.drive()
    assert states(relay, jobs) == [JobState.TRAINING] * 3
    (run_id,) = relay.platform.kept()
    relay.platform.complete(run_id)
    relay.round()
    assert states(relay, jobs) == [JobState.SUCCEEDED] * 3
    assert {relay.get(job_id).run_id for job_id in jobs} == {run_id}
    assert [relay.get(job_id).facts.get("payer") for job_id in jobs] == [None, jobs[0], jobs[0]]
    relay.check()


def test_an_equal_job_takes_a_run_that_is_trained_already(relay: Relay) -> None:
    first = relay.submit()
    relay.drive()
    relay.platform.complete(relay.platform.kept()[0])
    relay.round()
    later = relay.submit()
    relay.drive()
    relay.round(after_s=20)
    assert relay.get(later).state is JobState.TRAINED
    assert relay.get(later).facts["output_name"] == relay.get(first).facts["output_name"]
    assert len(relay.platform.run_by_id) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"finetune__n_epochs": 4},
        {"finetune__model": "acme/other"},
        {"finetune__random_seed": 7},
        {"dataset__seed": 9},
        {"fresh": True},
    ],
)
def test_another_run_is_paid_for_whatever_differs(relay: Relay, other: dict[str, object]) -> None:
    relay.submit()
    relay.submit(**other)
    relay.drive()
    assert len(relay.platform.kept()) == 2


def test_what_is_no_part_of_the_run_does_not_matter(relay: Relay) -> None:
    relay.submit(name="one", generate__num_of_hints=2)
    relay.submit(name="two", generate__num_of_hints=5, evaluate__metrics=["rouge1"], dataset__test_limit=1)
    relay.drive()
    assert len(relay.platform.kept()) == 1


def test_nobody_shares_a_fresh_run(relay: Relay) -> None:
    relay.submit(fresh=True)
    relay.submit()
    relay.submit(fresh=True)
    relay.drive()
    assert len(relay.platform.kept()) == 3


def test_who_waits_while_the_payer_is_in_doubt_trains_by_the_run_that_is_found(relay: Relay) -> None:
    relay.platform.faults = ["reset_after"]
    jobs = equal(relay, 3)
    relay.drive()
    assert JobState.TRAINING not in states(relay, jobs)
    for _ in range(5):
        relay.round(after_s=30)
    assert states(relay, jobs) == [JobState.TRAINING] * 3
    assert len(relay.platform.run_by_id) == 1


def test_a_payer_that_is_killed_after_it_paid_costs_no_second_run(relay: Relay) -> None:
    relay.platform.faults = ["kill_after"]
    jobs = equal(relay, 2)
    with pytest.raises(Killed):
        relay.drive()
    for _ in range(12):
        relay.round(after_s=40)
    assert states(relay, jobs) == [JobState.TRAINING] * 2
    assert len(relay.platform.run_by_id) == 1


def test_a_sharer_that_is_cancelled_leaves_the_run_to_the_others(relay: Relay) -> None:
    jobs = equal(relay, 3)
    relay.drive()
    relay.commands.cancel(jobs[1])
    relay.drive()
    assert states(relay, jobs) == [JobState.TRAINING, JobState.CANCELLED, JobState.TRAINING]
    assert "stop_run" not in relay.platform.calls


def test_a_payer_that_is_cancelled_leaves_the_run_to_the_others(relay: Relay) -> None:
    jobs = equal(relay, 2)
    relay.drive()
    relay.commands.cancel(jobs[0])
    relay.drive()
    for _ in range(3):
        relay.round()
    assert states(relay, jobs) == [JobState.CANCELLED, JobState.TRAINING]
    relay.platform.complete(relay.platform.kept()[0])
    relay.round()
    assert relay.get(jobs[1]).state is JobState.TRAINED
    relay.submit()
    relay.drive()
    assert len(relay.platform.run_by_id) == 1, "the run is the heir's now, and others find it"


def test_the_last_one_that_wants_a_run_stops_it(relay: Relay) -> None:
    jobs = equal(relay, 3)
    relay.drive()
    for job_id in jobs:
        assert relay.platform.kept()
        relay.commands.cancel(job_id)
        relay.drive()
    assert states(relay, jobs) == [JobState.CANCELLED] * 3
    assert not relay.platform.kept()
    later = relay.submit()
    relay.drive()
    assert relay.get(later).state is JobState.TRAINING
    assert len(relay.platform.kept()) == 1


def test_a_run_that_fails_fails_all_that_share_it_with_one_question(relay: Relay) -> None:
    jobs = equal(relay, 4)
    relay.drive()
    run_id = relay.platform.kept()[0]
    relay.platform.change(run_id, RunStatus.FAILED, "error", words="out of memory")
    relay.platform.calls.clear()
    relay.round()
    assert states(relay, jobs) == [JobState.FAILED] * 4
    assert all("out of memory" in (relay.get(job_id).error or {})["message"] for job_id in jobs)
    assert relay.platform.calls.count("run") == 1


def test_who_is_retried_first_pays_and_the_others_share(relay: Relay) -> None:
    jobs = equal(relay, 3)
    relay.drive()
    relay.platform.change(relay.platform.kept()[0], RunStatus.FAILED, "error")
    relay.round()
    for job_id in (jobs[2], jobs[0], jobs[1]):
        relay.commands.retry(job_id)
        relay.drive()
    assert states(relay, jobs) == [JobState.TRAINING] * 3
    assert len(relay.platform.run_by_id) == 2
    assert relay.get(jobs[2]).facts.get("payer") is None
    assert {relay.get(job_id).run_id for job_id in jobs} == {"ft-00000002"}


def test_a_payer_that_fails_before_it_paid_makes_way_for_the_next(relay: Relay) -> None:
    relay.platform.faults = ["reset_before"]
    jobs = equal(relay, 3)
    relay.drive()
    relay.platform.faults = [Permanent("no such model")]
    for _ in range(4):
        relay.round(after_s=60)
    assert states(relay, jobs) == [JobState.FAILED, JobState.TRAINING, JobState.TRAINING]
    assert len(relay.platform.kept()) == 1


def test_a_payer_whose_record_is_gone_makes_way(relay: Relay) -> None:
    jobs = equal(relay, 1)
    relay.drive()
    relay.redis.delete(Keys.job(jobs[0]))
    relay.redis.zrem(Keys.jobs, jobs[0])
    later = relay.submit()
    relay.drive()
    assert relay.get(later).state is JobState.TRAINING
    assert relay.get(later).run_id == "ft-00000002"


def test_a_run_that_the_platform_restarted_is_followed_by_all(relay: Relay) -> None:
    jobs = equal(relay, 2)
    relay.drive()
    old = relay.platform.kept()[0]
    new = relay.platform.add_run(relay.platform.run_by_id[old].suffix)
    relay.platform.change(old, RunStatus.FAILED, "error", restarted_as=new)
    relay.round()
    assert {relay.get(job_id).run_id for job_id in jobs} == {new}
    relay.platform.complete(new)
    for _ in range(16):
        relay.round()
    assert states(relay, jobs) == [JobState.TRAINED] * 2


def test_who_waits_says_for_whom(relay: Relay) -> None:
    relay.platform.faults = ["reset_after"]
    jobs = equal(relay, 2)
    relay.drive()
    from common.waiting import waiting

    said = waiting(relay.get(jobs[1]), relay.clock.ms())
    assert said == f"finetune waits: job {jobs[0]}, which is uploaded, pays for the same run"
