"""What endpoints cost: set aside before they are asked for, charged once with the platform's minutes, given back."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from common.bills import bill
from common.endpoints import Entry, EntryState
from common.keys import Keys
from common.purse import Purse
from common.states import JobState
from common.waiting import held, waiting
from tests.fakes.platform import Killed
from tests.unit.worker.endpoint_relay import EndpointRelay
from worker.ports import RunStatus
from worker.serving import Offer

USD = 1_000_000
CENT = 10_000
PRICE = 4 * CENT  #: a minute of the cheapest that the fake offers
EXPECTED = 4 * PRICE  #: 3 spare minutes, and one for the answers


@pytest.fixture
def relay(tmp_path: Path) -> EndpointRelay:
    return EndpointRelay(tmp_path)


@pytest.fixture
def purse(relay: EndpointRelay) -> Purse:
    return Purse.beside(relay.store)


def books(relay: EndpointRelay, job_id: str) -> tuple[int, int | None, int, int]:
    """(reserved, room, spent) of the job's batch, and what its record is charged with for endpoints."""
    job = relay.get(job_id)
    found = Purse.beside(relay.store).budget(job.batch)
    return found.reserved, found.room, found.spent, bill(job).endpoints


def running_entry(relay: EndpointRelay, **changes: object) -> tuple[str, Entry]:
    """A job with hints to come and its endpoint, which answers for 3 minutes already."""
    job_id = relay.trained(**changes)
    relay.rounds(4)
    relay.endpoints.get_all_ready()
    relay.tick(150)
    return job_id, relay.entry(job_id)


def test_run_and_endpoint_are_set_aside_before_the_run_is_paid(relay: EndpointRelay) -> None:
    job_id = relay.submit(deploy__mode="auto")
    relay.drive()
    assert relay.get(job_id).state is JobState.TRAINING
    assert books(relay, job_id)[0] == USD + EXPECTED
    assert bill(relay.get(job_id)).under_way == USD + EXPECTED


def test_a_job_that_starts_no_endpoint_sets_nothing_aside_for_one(relay: EndpointRelay) -> None:
    job_id = relay.submit()
    relay.drive()
    assert books(relay, job_id)[0] == USD
    assert not {"reserved_endpoint", "endpoint_estimate", "bound_endpoint", "wants"} & relay.get(job_id).facts.keys()


def test_a_budget_for_two_of_three_runs_two_though_three_runs_would_fit(relay: EndpointRelay, purse: Purse) -> None:
    jobs = [relay.submit(deploy__mode="auto", finetune__random_seed=n) for n in range(3)]
    batch = relay.get(jobs[0]).batch
    purse.allow(batch, 2 * (USD + EXPECTED))
    for job_id in jobs:
        relay.redis.hset(Keys.job(job_id), "batch", batch)
    relay.drive()
    states = [relay.get(job_id).state for job_id in jobs]
    assert sorted(states) == sorted([JobState.TRAINING, JobState.TRAINING, JobState.UPLOADED])


def test_the_platforms_minutes_are_charged_and_the_rest_is_given_back(relay: EndpointRelay) -> None:
    job_id = relay.trained()
    relay.ready()
    relay.settle()
    minutes = relay.endpoints.billed()
    assert minutes > 0
    reserved, _, spent, endpoints = books(relay, job_id)
    assert endpoints == minutes * PRICE
    assert bill(relay.get(job_id)).minutes == minutes
    assert (reserved, spent) == (0, bill(relay.get(job_id)).total)
    assert "bound_endpoint" not in relay.get(job_id).facts


def test_closing_twice_and_from_two_ticks_counts_once(relay: EndpointRelay) -> None:
    job_id = relay.trained()
    entry = relay.entry(job_id)
    assert relay.ledger.move(entry, EntryState.STARTING, until_ms=1000, price=4.0) == 1
    relay.ledger.move(relay.entry(job_id), EntryState.STOPPING, why="a test")
    seen = relay.entry(job_id)
    assert [relay.ledger.close(seen, 5), relay.ledger.close(seen, 5), relay.ledger.close(relay.entry(job_id), 7)] == [
        True,
        False,
        False,
    ]
    assert bill(relay.get(job_id)).endpoints == 5 * PRICE
    relay.check()


def test_an_endpoint_that_came_back_after_it_was_closed_is_charged_with_the_difference(relay: EndpointRelay) -> None:
    job_id = relay.trained()
    entry = relay.entry(job_id)
    relay.ledger.move(entry, EntryState.STARTING, until_ms=1000, price=4.0)
    assert relay.ledger.close(relay.entry(job_id), 2, why="a test")
    relay.ledger.move(entry.name, EntryState.STOPPING, until_ms=0, why="the ledger did not know it")
    assert relay.ledger.close(relay.entry(job_id), 9)
    assert (bill(relay.get(job_id)).endpoints, bill(relay.get(job_id)).minutes) == (9 * PRICE, 9)


def test_at_the_cap_a_trained_job_is_held_and_goes_on_when_the_budget_is_raised(
    relay: EndpointRelay, purse: Purse
) -> None:
    payer = relay.trained(deploy__mode="manual")
    run_id = relay.get(payer).run_id
    assert run_id
    job_id = relay.submit(deploy__mode="auto")  # it shares the run, and pays for an endpoint alone
    batch = relay.get(job_id).batch
    purse.allow(batch, EXPECTED - 1)
    relay.drive()
    relay.rounds(3)
    found = relay.get(job_id)
    assert (found.state, held(found, relay.clock.ms())) == (JobState.TRAINED, "budget")
    assert f"hintrelay budget {batch} " in (waiting(found, relay.clock.ms()) or "")
    assert not relay.entries()
    relay.rounds(3, after_s=1000)
    assert not relay.entries()
    purse.allow(batch, EXPECTED)
    relay.rounds(2)
    relay.ready()
    assert relay.get(job_id).state is JobState.SUCCEEDED
    relay.settle()


def test_a_held_job_that_is_given_a_name_needs_no_endpoint_and_is_held_no_more(
    relay: EndpointRelay, purse: Purse
) -> None:
    relay.trained(deploy__mode="manual")
    job_id = relay.submit(deploy__mode="auto")
    purse.allow(relay.get(job_id).batch, 0)
    relay.drive()
    relay.rounds(3)
    assert held(relay.get(job_id), relay.clock.ms()) == "budget"
    relay.commands.register_deployment(job_id, "acme/by-hand")
    relay.drive()
    assert relay.get(job_id).state is JobState.SUCCEEDED
    assert not relay.get(job_id).facts.get("held")


@pytest.mark.parametrize("call", ["endpoint_want", "endpoint_share", "reserve", "claim", "defer"])
def test_a_crash_after_any_of_the_calls_of_a_job_that_wants_an_endpoint_counts_nothing_twice(
    relay: EndpointRelay, purse: Purse, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    relay.trained(deploy__mode="manual")
    job_id = relay.submit(deploy__mode="auto")
    purse.allow(relay.get(job_id).batch, 0)
    relay.drive()
    relay.rounds(3)
    assert held(relay.get(job_id), relay.clock.ms()) == "budget"
    purse.allow(relay.get(job_id).batch, None)
    scripts = [one._scripts for one in (relay.store, relay.runner._ledger)]

    def killed(real: Any) -> Any:
        def run(**given: Any) -> Any:
            real(**given)
            raise Killed

        return run

    with monkeypatch.context() as patch:
        for one in scripts:
            patch.setattr(one, call, killed(getattr(one, call)))
        with contextlib.suppress(Killed):
            relay.runner.run(job_id, "deploy")
    relay.rounds(3, after_s=40)
    relay.ready()
    assert relay.get(job_id).state is JobState.SUCCEEDED
    relay.settle()
    relay.rounds(2)
    assert books(relay, job_id)[0] == 0
    assert len([one for one in relay.entries() if job_id in one.payers]) == 1
    assert bill(relay.get(job_id)).endpoints == relay.endpoints.billed() * PRICE


@pytest.mark.parametrize("after", ["endpoint_close", "endpoint_move"])
def test_a_tick_that_dies_after_any_call_while_an_endpoint_ends_charges_it_once(
    relay: EndpointRelay, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    job_id = relay.trained()
    relay.ready()

    def killed(real: Any) -> Any:
        def run(**given: Any) -> Any:
            real(**given)
            raise ConnectionError("the tick is gone")

        return run

    scripts = relay.ledger._scripts
    for _ in range(8):
        with monkeypatch.context() as patch:
            patch.setattr(scripts, after, killed(getattr(scripts, after)))
            relay.tick(31)
    relay.rounds(3, after_s=31)
    relay.settle()
    assert bill(relay.get(job_id)).endpoints == relay.endpoints.billed() * PRICE > 0
    assert books(relay, job_id)[0] == 0


def test_a_cancelled_jobs_endpoint_is_charged_and_the_rest_is_free(relay: EndpointRelay) -> None:
    job_id, _ = running_entry(relay)
    relay.commands.cancel(job_id)
    relay.drive()
    relay.rounds(1)
    relay.settle()
    relay.rounds(2)
    reserved, _, spent, endpoints = books(relay, job_id)
    assert endpoints == relay.endpoints.billed() * PRICE > 0
    assert (reserved, spent) == (0, bill(relay.get(job_id)).total)


def test_a_job_cancelled_before_its_endpoint_gives_all_of_it_back(relay: EndpointRelay) -> None:
    job_id = relay.submit(deploy__mode="auto")
    relay.drive()
    relay.commands.cancel(job_id)
    relay.drive()
    relay.rounds(2)
    assert books(relay, job_id)[0] == 0


def test_what_an_endpoint_may_still_cost_stays_set_aside_when_its_job_has_ended(relay: EndpointRelay) -> None:
    relay.endpoints.faults["stop"] = ["ignored"] * 3
    job_id = relay.trained()
    relay.ready()
    assert relay.get(job_id).state is JobState.SUCCEEDED
    if relay.ledger.running():
        assert books(relay, job_id)[0] >= EXPECTED
    relay.rounds(2, after_s=40)
    relay.settle()
    assert books(relay, job_id)[0] == 0


def test_max_cost_covers_run_and_endpoint(relay: EndpointRelay) -> None:
    job_id = relay.submit(deploy__mode="auto", limits__max_cost_usd=(USD + EXPECTED - 1) / 1e6)
    relay.drive()
    failed = relay.get(job_id)
    assert (failed.state, (failed.error or {})["code"]) == (JobState.FAILED, "max_cost")
    assert "minutes of its endpoint" in (failed.error or {})["message"]
    assert not relay.platform.run_by_id


def test_a_second_endpoint_beyond_max_cost_fails_the_job_before_it_is_asked_for(relay: EndpointRelay) -> None:
    job_id = relay.trained(limits__max_cost_usd=(USD + EXPECTED) / 1e6, limits__max_attempts=9)
    relay.rounds(4)
    relay.endpoints.get_all_ready()
    relay.endpoints.deaf = set(relay.endpoints.there.keys()) | {f"acme/{name}" for name in relay.endpoints.there}
    relay.rounds(2)
    relay.ledger.move(relay.entry(job_id).name, wish="stop")
    relay.rounds(6)
    relay.commands.retry(job_id)
    relay.drive()
    relay.rounds(6)
    assert (relay.get(job_id).error or {})["code"] == "max_cost"
    assert len([one for one in relay.entries() if job_id in one.jobs]) == 1


def test_a_base_models_endpoint_is_charged_once_and_divided(relay: EndpointRelay) -> None:
    jobs = [relay.trained(deploy__mode="manual", finetune__random_seed=n) for n in range(3)]
    before = {job_id: bill(relay.get(job_id)).endpoints for job_id in jobs}
    assert set(before.values()) == {0}
    asked: list[int] = []
    for job_id in jobs:
        relay.ask(job_id, "acme/base", base=True, pay=asked.append)
    relay.ask(jobs[0], "acme/base", base=True, pay=asked.append)
    assert asked == [1, 2, 3]  # each sets aside at least what its part can come to
    (entry,) = relay.ledger.wanted(9)
    assert entry.payers == tuple(sorted(jobs))
    relay.ledger.share(entry.name, jobs[0], "leave")  # who has left pays all the same
    relay.ledger.move(entry.name, EntryState.STARTING, until_ms=1000, price=0.0333)
    assert relay.ledger.close(relay.ledger.named(entry.name), 10, why="a test")
    whole = 3330
    costs = sorted(bill(relay.get(job_id)).endpoints for job_id in jobs)
    assert (sum(costs), costs[-1] - costs[0]) == (whole, 0)
    assert sorted(bill(relay.get(job_id)).minutes for job_id in jobs) == [3, 3, 4]


def test_a_part_that_does_not_divide_is_nobodys_loss(relay: EndpointRelay) -> None:
    jobs = [relay.trained(deploy__mode="manual", finetune__random_seed=n) for n in range(3)]
    for job_id in jobs:
        relay.ask(job_id, "acme/base", base=True)
    (entry,) = relay.ledger.wanted(9)
    relay.ledger.move(entry.name, EntryState.STARTING, until_ms=1000, price=0.0001)
    assert relay.ledger.close(relay.ledger.named(entry.name), 100, why="a test")
    assert sum(bill(relay.get(job_id)).endpoints for job_id in jobs) == 100
    assert sum(bill(relay.get(job_id)).minutes for job_id in jobs) == 100


def test_an_endpoint_of_jobs_whose_records_are_gone_still_leaves_the_books_even(
    relay: EndpointRelay, purse: Purse
) -> None:
    job_id = relay.trained()
    batch, entry = relay.get(job_id).batch, relay.entry(job_id)
    before = purse.budget(batch)
    relay.ledger.move(entry, EntryState.STARTING, until_ms=1000, price=4.0)
    relay.redis.delete(Keys.job(job_id))
    assert relay.ledger.close(relay.ledger.named(entry.name), 3, why="a test")
    now = purse.budget(batch)
    assert (before.reserved - now.reserved, now.spent - before.spent) == (EXPECTED, 3 * PRICE)
    assert not relay.redis.exists(Keys.job(job_id))


def test_a_platform_that_tells_no_price_is_estimated_by_the_table(relay: EndpointRelay) -> None:
    relay.endpoints.offered = []
    job_id = relay.submit(deploy__mode="auto", deploy__preflight=False)
    relay.drive()
    assert relay.get(job_id).state is JobState.TRAINING
    assert books(relay, job_id)[0] == USD + 4 * 91_500  # 5.49 an hour


def test_minutes_on_hardware_without_a_price_are_charged_by_the_table(relay: EndpointRelay) -> None:
    relay.endpoints.offered = [Offer("p/m", "cr_h", "1xnvidia-h100-80gb", None)]
    job_id = relay.trained(deploy__mode="auto")
    relay.rounds(4)
    relay.endpoints.get_all_ready()
    entry = relay.entry(job_id)
    assert (entry.price, entry.dump()["price_by"]) == (9.15, "hintrelay's table")  # 5.49 an hour
    relay.tick(150)
    relay.ledger.close(relay.entry(job_id), 3)
    assert books(relay, job_id)[3] == 3 * 91_500


def test_a_dearer_offer_than_was_set_aside_is_asked_of_the_budget(relay: EndpointRelay, purse: Purse) -> None:
    job_id = relay.submit(deploy__mode="auto")
    purse.allow(relay.get(job_id).batch, USD + EXPECTED)
    relay.endpoints.offered = [Offer("p/m", "cr_a", "1xa100", 4.0)]
    relay.drive()
    relay.endpoints.offered = [Offer("p/m", "cr_a", "1xa100", 40.0)]
    run_id = relay.get(job_id).run_id
    assert run_id
    relay.platform.change(run_id, RunStatus.DONE, "completed", output_name="acme/x", object_id="ml_x", price=USD)
    relay.rounds(3)
    assert held(relay.get(job_id), relay.clock.ms()) == "budget"
    assert not relay.entries()
