"""Budgets: set aside before a run is paid, settled when it has ended; what has no room waits and costs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.bills import bill
from common.commands import Wanted
from common.errors import Transient
from common.keys import Keys
from common.money import Estimate, micros
from common.purse import Purse
from common.quotes import Quote
from common.states import JobState
from common.view import job_json
from common.waiting import command_for, held, needs_a_person
from tests.fakes.parts import make_spec
from tests.fakes.relay import Relay
from worker.ports import RunStatus

USD = 1_000_000


@pytest.fixture
def relay(tmp_path: Path) -> Relay:
    return Relay(tmp_path)


@pytest.fixture
def purse(relay: Relay) -> Purse:
    return Purse.beside(relay.store)


def sweep(relay: Relay, count: int, **changes: object) -> list[str]:
    """Jobs that differ, so that each pays for itself; a run costs 1 USD by the platform's estimate."""
    specs = [make_spec(finetune__random_seed=seed, **changes) for seed in range(count)]
    return [one.job_id for one in relay.commands.submit([Wanted(spec) for spec in specs], batch="sweep")]


def in_state(relay: Relay, jobs: list[str], state: JobState) -> list[str]:
    return [job_id for job_id in jobs if relay.get(job_id).state is state]


def completed(relay: Relay, price: int | None = USD) -> None:
    for run_id in relay.platform.kept():
        if relay.platform.run_by_id[run_id].status is RunStatus.ACTIVE:
            relay.platform.change(run_id, RunStatus.DONE, "completed", output_name="acme/x", price=price)


def test_a_budget_for_five_of_twelve_runs_five_and_holds_seven(relay: Relay, purse: Purse) -> None:
    purse.allow("sweep", 5 * USD)
    jobs = sweep(relay, 12)
    relay.drive()
    assert len(in_state(relay, jobs, JobState.TRAINING)) == 5
    assert len(relay.platform.run_by_id) == 5
    waits = in_state(relay, jobs, JobState.UPLOADED)
    assert len(waits) == 7
    assert {held(relay.get(job_id), relay.clock.ms()) for job_id in waits} == {"budget"}
    found = purse.budget("sweep")
    assert (found.limit, found.reserved, found.spent, found.room) == (5 * USD, 5 * USD, 0, 0)
    purse.allow("sweep", 12 * USD)
    relay.round()
    assert len(in_state(relay, jobs, JobState.TRAINING)) == 12
    assert purse.budget("sweep").reserved == 12 * USD
    completed(relay)
    relay.round()
    relay.round()
    found = purse.budget("sweep")
    assert (found.reserved, found.spent) == (0, 12 * USD)


def test_what_is_held_says_the_numbers_and_the_command(relay: Relay, purse: Purse) -> None:
    purse.allow("sweep", micros("1.5"))
    jobs = sweep(relay, 2)
    relay.drive()
    job = relay.get(jobs[1])
    assert job.snooze == (
        "budget of batch sweep: of $1.50, $0.00 are spent and $1.00 set aside for what is under way; it needs $1.00: "
        "hintrelay budget sweep 2.00"
    )
    assert command_for(job) == "hintrelay budget sweep 2.00"
    assert job_json(job)["held"] == "budget"
    assert needs_a_person(job)


def test_what_is_held_is_not_looked_at_until_somebody_makes_room(relay: Relay, purse: Purse) -> None:
    purse.allow("sweep", 0)
    jobs = sweep(relay, 3)
    relay.drive()
    relay.platform.calls.clear()
    for _ in range(20):
        relay.round(after_s=60)
    assert not relay.platform.calls
    assert in_state(relay, jobs, JobState.UPLOADED) == jobs


def test_a_run_that_costs_less_makes_room_for_the_oldest(relay: Relay, purse: Purse) -> None:
    purse.allow("sweep", 2 * USD)
    jobs = sweep(relay, 5)
    relay.drive()
    assert in_state(relay, jobs, JobState.TRAINING) == jobs[:2]
    completed(relay, price=USD // 2)
    relay.tick()
    relay.drive()
    assert in_state(relay, jobs, JobState.TRAINING) == jobs[2:3]
    assert purse.budget("sweep").room == 0


def test_raised_a_little_only_those_that_fit_go_on(relay: Relay, purse: Purse) -> None:
    purse.allow("sweep", 0)
    jobs = sweep(relay, 6)
    relay.drive()
    assert purse.allow("sweep", 2 * USD).limit == 2 * USD
    relay.round()
    assert in_state(relay, jobs, JobState.TRAINING) == jobs[:2]
    purse.allow("sweep", None)
    relay.round()
    assert in_state(relay, jobs, JobState.TRAINING) == jobs


def test_lowered_nothing_that_runs_is_stopped(relay: Relay, purse: Purse) -> None:
    purse.allow("sweep", 2 * USD)
    jobs = sweep(relay, 2)
    relay.drive()
    purse.allow("sweep", USD)
    relay.round()
    assert in_state(relay, jobs, JobState.TRAINING) == jobs
    assert purse.budget("sweep").room == -USD


def test_a_limit_that_comes_later_counts_what_was_spent_before(relay: Relay, purse: Purse) -> None:
    sweep(relay, 2)
    relay.drive()
    completed(relay)
    relay.round()
    purse.allow("sweep", 3 * USD)
    relay.platform.quoted = Quote(Estimate(2 * USD, 1, "platform"))
    late = relay.commands.submit([Wanted(make_spec(finetune__random_seed=99))], batch="sweep")[0].job_id
    relay.drive()
    assert held(relay.get(late), relay.clock.ms()) == "budget"


def test_a_job_that_is_cancelled_before_it_paid_gives_back_what_was_set_aside(relay: Relay, purse: Purse) -> None:
    purse.allow("sweep", USD)
    jobs = sweep(relay, 2)
    relay.platform.faults = [Transient("away")]
    relay.drive()
    assert purse.budget("sweep").reserved == USD
    relay.commands.cancel(jobs[0])
    relay.round()
    relay.round()
    assert in_state(relay, jobs, JobState.TRAINING) == jobs[1:]
    assert purse.budget("sweep").spent == 0


def test_a_held_job_that_is_cancelled_waits_for_nothing(relay: Relay, purse: Purse) -> None:
    purse.allow("sweep", 0)
    jobs = sweep(relay, 2)
    relay.drive()
    relay.commands.cancel(jobs[0])
    relay.round()
    assert relay.get(jobs[0]).state is JobState.CANCELLED
    assert [job.id for job in purse.held("sweep")] == jobs[1:]


def test_where_the_platform_tells_no_price_the_estimate_counts_at_the_end(relay: Relay, purse: Purse) -> None:
    (job_id,) = sweep(relay, 1)
    relay.commands.register_deployment(job_id, "acme/x")
    relay.drive()
    completed(relay, price=None)
    relay.round()
    relay.tick()
    assert relay.get(job_id).state is JobState.SUCCEEDED
    whole = bill(relay.get(job_id))
    assert (whole.training, whole.estimated, purse.budget("sweep").spent) == (USD, USD, USD)


def test_a_failed_run_counts_and_so_does_the_next_one(relay: Relay, purse: Purse) -> None:
    (job_id,) = sweep(relay, 1)
    relay.drive()
    run_id = relay.platform.kept()[0]
    relay.platform.change(run_id, RunStatus.FAILED, "error", price=USD // 4)
    relay.round()
    relay.commands.retry(job_id)
    relay.drive()
    completed(relay, price=USD // 2)
    relay.round()
    relay.round()
    assert bill(relay.get(job_id)).training == USD * 3 // 4
    assert (purse.budget("sweep").spent, purse.budget("sweep").reserved) == (USD * 3 // 4, 0)


def test_a_job_that_may_cost_less_than_its_estimate_fails_before_it_pays(relay: Relay) -> None:
    (job_id,) = sweep(relay, 1, limits__max_cost_usd=0.5)
    relay.drive()
    job = relay.get(job_id)
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert job.error["code"] == "max_cost"
    assert "expected to cost $1.00; limits.max_cost_usd allows $0.50" in job.error["message"]
    assert not relay.platform.run_by_id


def test_what_the_platform_does_not_allow_is_held_with_its_numbers(relay: Relay) -> None:
    relay.platform.quoted = Quote(Estimate(USD, 1, "platform"), allowed=False, limit=USD // 2)
    (job_id,) = sweep(relay, 1)
    relay.drive()
    job = relay.get(job_id)
    assert job_json(job)["held"] == "platform"
    assert "does not allow the run: it expects about $1.00 for it; the account's limit is $0.50" in job.snooze
    assert not relay.platform.run_by_id
    relay.platform.quoted = Quote(Estimate(USD, 1, "platform"))
    relay.round(after_s=800)
    assert relay.get(job_id).state is JobState.TRAINING
    assert job_json(relay.get(job_id))["held"] is None


def test_a_platform_that_tells_no_price_is_no_fault(relay: Relay) -> None:
    relay.platform.quoted = Quote(reason="unsupported_model")
    (job_id,) = sweep(relay, 1)
    relay.drive()
    assert relay.get(job_id).state is JobState.TRAINING
    assert relay.get(job_id).facts["estimate_by"] == "local"
    assert int(relay.get(job_id).facts["estimate"]) > 0


def test_a_sharer_costs_nothing(relay: Relay, purse: Purse) -> None:
    purse.allow("sweep", USD)
    spec = make_spec()
    jobs = [one.job_id for one in relay.commands.submit([Wanted(spec), Wanted(spec)], batch="sweep")]
    relay.drive()
    completed(relay)
    relay.round()
    relay.round()
    assert [bill(relay.get(job_id)).training for job_id in jobs] == [USD, 0]
    assert purse.budget("sweep").spent == USD


def test_who_has_budget_pays_where_the_payer_has_none(relay: Relay, purse: Purse) -> None:
    purse.allow("poor", 0)
    spec = make_spec()
    poor = relay.commands.submit([Wanted(spec)], batch="poor")[0].job_id
    relay.drive()
    rich = relay.commands.submit([Wanted(spec)], batch="rich")[0].job_id
    relay.drive()
    assert relay.get(rich).state is JobState.TRAINING
    relay.round()
    assert relay.get(poor).state is JobState.TRAINING
    assert relay.get(poor).facts["payer"] == rich
    assert len(relay.platform.run_by_id) == 1


def test_a_price_that_comes_when_the_file_is_validated_is_waited_for(relay: Relay, purse: Purse) -> None:
    relay.platform.quoted = Quote(reason="train_file_not_validated")
    (job_id,) = sweep(relay, 1)
    relay.drive()
    assert "cannot tell the price yet" in relay.get(job_id).snooze
    relay.platform.quoted = Quote(Estimate(7 * USD, 1000, "platform"))
    relay.round()
    relay.round()
    assert purse.budget("sweep").reserved == 7 * USD


def test_a_price_that_never_comes_is_estimated_here(relay: Relay) -> None:
    relay.platform.quoted = Quote(reason="train_file_not_validated")
    (job_id,) = sweep(relay, 1)
    for _ in range(10):
        relay.round()
    assert relay.get(job_id).state is JobState.TRAINING


def test_nothing_is_left_over_in_the_books(relay: Relay, purse: Purse) -> None:
    purse.allow("sweep", 100 * USD)
    jobs = sweep(relay, 4)
    for job_id in jobs:
        relay.commands.register_deployment(job_id, "acme/x")
    relay.drive()
    completed(relay)
    relay.round()
    relay.tick()
    assert in_state(relay, jobs, JobState.SUCCEEDED) == jobs
    assert not relay.redis.exists(Keys.unsettled, Keys.eased, Keys.held("sweep"))
    assert not relay.redis.keys(Keys.sharers("*"))
    assert purse.budget("sweep").reserved == 0
