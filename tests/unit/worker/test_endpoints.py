"""Endpoints over fakes: started just in time, found again, and always taken down."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.endpoints import EntryState
from common.errors import Transient
from common.states import JobState
from tests.fakes.endpoints import BUSY, REFUSED
from tests.unit.worker.endpoint_relay import EndpointRelay
from worker.serving import Endpoint, Serving


@pytest.fixture
def relay(tmp_path: Path) -> EndpointRelay:
    return EndpointRelay(tmp_path)


def test_an_auto_job_gets_an_endpoint_generates_and_leaves_nothing_behind(relay: EndpointRelay) -> None:
    job = relay.trained()
    relay.ready()
    assert relay.get(job).state is JobState.SUCCEEDED
    entry = relay.entry(job)
    assert relay.get(job).deployment == f"acme/{entry.name}" == entry.address
    assert (entry.hardware, entry.price) == ("1xa100", 4.0)  # the cheapest
    relay.settle()
    closed = relay.entry(job)
    assert closed.state is EntryState.CLOSED
    assert closed.why == "its job succeeded" or closed.why == "no job needs it any more"
    assert closed.minutes == relay.endpoints.billed() > 0
    happened = [one for one in relay.types(job) if one.startswith("endpoint_")]
    assert happened == ["endpoint_started", "endpoint_ready", "endpoint_stopped"]


def test_the_ledger_knows_of_an_endpoint_before_the_platform_does(relay: EndpointRelay) -> None:
    job = relay.trained()
    known: list[tuple[str, float | None, int]] = []
    create = relay.endpoints.create

    def watched(name: str) -> None:
        entry = relay.ledger.find(name)
        assert entry is not None
        known.append((str(entry.state), entry.price, entry.until))
        create(name)

    relay.endpoints.create = watched  # type: ignore[method-assign]  # looks before the call
    relay.rounds(2)
    assert [(state, price) for state, price, _ in known] == [("starting", 4.0)]
    assert known[0][2] > relay.clock.ms()
    assert job in relay.entry(job).name


def test_without_a_hints_worker_nothing_is_started(relay: EndpointRelay) -> None:
    relay.workers = 0
    job = relay.trained()
    relay.rounds(5)
    assert "create" not in relay.endpoints.calls
    assert relay.entry(job).state is EntryState.WANTED
    assert "when there is room and a hints worker" in relay.get(job).snooze
    relay.workers = 1
    relay.ready()
    assert relay.get(job).state is JobState.SUCCEEDED


@pytest.mark.parametrize("fault", ["reset_after", "reset_before", "kill_after", BUSY])
@pytest.mark.parametrize("call", ["create", "deploy"])
def test_whatever_the_platform_answers_there_is_one_endpoint(relay: EndpointRelay, call: str, fault: object) -> None:
    relay.endpoints.faults[call] = [fault]  # type: ignore[list-item]  # one of the faults
    job = relay.trained()
    most = 0
    for _ in range(20):
        relay.ticker = relay.new_tick()  # as if the tick's process had been killed
        relay.rounds(1)
        most = max([most, *(len(one.deployments) for one in relay.endpoints.there.values())])
    assert len(relay.endpoints.there) == most == 1
    relay.ready()
    assert relay.get(job).state is JobState.SUCCEEDED
    relay.settle()


def test_a_stop_that_is_acknowledged_and_does_not_happen_is_repeated(relay: EndpointRelay) -> None:
    relay.endpoints.faults["stop"] = ["ignored", "ignored", "ignored"]
    job = relay.trained()
    relay.ready()
    assert relay.get(job).state is JobState.SUCCEEDED
    relay.settle(10)
    assert relay.endpoints.calls.count("stop") == 4


@pytest.mark.parametrize("when", ["wanted", "starting", "running"])
def test_a_cancelled_job_leaves_no_endpoint(relay: EndpointRelay, when: str) -> None:
    relay.workers = int(when != "wanted")
    job = relay.trained()
    relay.rounds(4)
    if when == "running":
        relay.endpoints.deaf.add(f"acme/{relay.entry(job).name}")
        relay.endpoints.get_all_ready()
        relay.rounds(2)
    assert str(relay.entry(job).state) == when
    relay.commands.cancel(job)
    relay.workers = 1
    relay.drive()
    relay.settle()
    assert relay.get(job).state is JobState.CANCELLED
    assert relay.entry(job).state is EntryState.CLOSED


def test_a_job_past_its_deadline_leaves_no_endpoint(relay: EndpointRelay) -> None:
    job = relay.trained(limits__deadline="1h")
    relay.rounds(4)
    relay.rounds(1, after_s=3600)
    relay.settle()
    assert relay.get(job).state is JobState.FAILED


def test_an_endpoint_ends_at_its_limit_and_retry_goes_on_with_another_one(relay: EndpointRelay) -> None:
    job = relay.trained(deploy__max_minutes=10, limits__max_attempts=100)
    relay.model.faults["What is test1?"] = Transient("the model paused", after_s=700.0)
    relay.ready()
    assert relay.get(job).state is JobState.DEPLOYED
    answered = len(relay.store.pieces(job))
    assert answered
    relay.model.faults["What is test1?"] = Transient("no such model")
    relay.rounds(1, after_s=601)
    relay.settle()
    failed = relay.get(job)
    assert (failed.state, (failed.error or {})["code"]) == (JobState.FAILED, "endpoint_ended")
    assert "it had its 10 minutes" in (failed.error or {})["message"]
    assert len(relay.store.pieces(job)) >= answered
    relay.commands.retry(job)
    relay.drive()
    relay.ready()
    assert relay.get(job).state is JobState.SUCCEEDED
    relay.settle()
    assert len([one for one in relay.entries() if job in one.jobs]) == 2


def test_a_job_that_failed_while_it_generated_is_retried_with_another_endpoint(relay: EndpointRelay) -> None:
    job = relay.trained(limits__max_attempts=1)
    relay.model.faults["What is test1?"] = Transient("the model is broken")
    relay.model.faults["What is test0?"] = relay.model.faults["What is test2?"] = Transient("the model is broken")
    relay.ready()
    assert relay.get(job).state is JobState.FAILED
    relay.settle()
    assert relay.entry(job).why == "its job failed"
    relay.commands.retry(job)
    relay.drive()
    relay.ready()
    assert relay.get(job).state is JobState.SUCCEEDED
    relay.settle()


def test_at_most_so_many_run_at_once_over_all_jobs(relay: EndpointRelay) -> None:
    relay.workers = 8
    relay.ticker = relay.new_tick(most=2)
    jobs = [relay.trained() for _ in range(5)]
    most = 0
    for _ in range(40):
        relay.endpoints.get_all_ready()
        relay.rounds(1)
        most = max(most, len(relay.endpoints.there))
    assert most == 2
    assert {relay.get(job).state for job in jobs} == {JobState.SUCCEEDED}
    relay.settle()


def test_no_more_run_than_there_are_workers_to_use_them(relay: EndpointRelay) -> None:
    jobs = [relay.trained() for _ in range(4)]
    relay.rounds(5)
    assert len(relay.endpoints.there) == 2  # one process of two, as Bounds.each says
    assert sum(relay.entry(job).state is EntryState.WANTED for job in jobs) == 2


def test_a_job_may_ask_for_fewer_at_once(relay: EndpointRelay) -> None:
    relay.workers = 4
    jobs = [relay.trained(limits__max_endpoints=1) for _ in range(3)]
    relay.rounds(5)
    assert [str(relay.entry(job).state) for job in jobs] == ["starting", "wanted", "wanted"]


def test_a_base_model_is_deployed_once_for_all_that_compare_with_it(relay: EndpointRelay) -> None:
    first, second = relay.trained(deploy__mode="manual"), relay.trained(deploy__mode="manual")
    names = {relay.ask(job, "acme/base", base=True).name for job in (first, second)}
    assert len(names) == 1
    relay.rounds(4)
    relay.endpoints.get_all_ready()
    relay.rounds(2)
    assert relay.ask(first, "acme/base", base=True).address == relay.ask(second, "acme/base", base=True).address
    assert len(relay.endpoints.there) == 1
    (name,) = names
    relay.ledger.share(name, first, "leave")
    relay.rounds(3)
    assert relay.endpoints.running()
    relay.commands.cancel(second)
    relay.drive()
    relay.settle()


def test_an_endpoint_that_sticks_is_given_up_and_another_one_is_tried(relay: EndpointRelay) -> None:
    job = relay.trained(limits__max_attempts=2)
    relay.rounds(4)
    stuck = relay.entry(job).name
    relay.rounds(1, after_s=1801)
    relay.rounds(30, after_s=20)
    assert relay.entry(job).name != stuck
    assert (relay.get(job).state, relay.get(job).attempt) == (JobState.TRAINED, 2)
    relay.rounds(1, after_s=1801)
    relay.settle()
    failed = relay.get(job)
    assert failed.state is JobState.FAILED
    assert (failed.error or {})["code"] == "endpoint_stuck"
    assert "did not get it ready in time" in (failed.error or {})["message"]


@pytest.mark.parametrize("call", ["offers", "create", "deploy"])
def test_a_refusal_fails_the_job_in_the_platforms_words(relay: EndpointRelay, call: str) -> None:
    job = relay.trained(deploy__preflight=False)
    relay.endpoints.faults[call] = [REFUSED]
    relay.rounds(6)
    failed = relay.get(job)
    assert failed.state is JobState.FAILED
    assert "endpoints are disabled for this account" in (failed.error or {})["message"]
    relay.settle()
    relay.commands.retry(job)
    relay.drive()
    relay.ready()
    assert relay.get(job).state is JobState.SUCCEEDED
    relay.settle()


def test_hardware_that_does_not_serve_the_model_is_refused_with_what_there_is(relay: EndpointRelay) -> None:
    job = relay.trained(deploy__hardware="9xb200", deploy__preflight=False)
    relay.rounds(3)
    message = (relay.get(job).error or {})["message"]
    assert "deploy.hardware: 9xb200 does not serve" in message
    assert "1xa100 (4.00 cents a minute)" in message
    assert "create" not in relay.endpoints.calls


def test_what_the_platform_stopped_for_want_of_requests_is_noticed(relay: EndpointRelay) -> None:
    job = relay.trained(limits__max_attempts=100)
    relay.model.faults["What is test1?"] = Transient("the model paused", after_s=100.0)
    relay.ready()
    relay.endpoints.set(relay.entry(job).name, Serving.STOPPED, "no requests")
    relay.settle()
    assert relay.entry(job).why == "the platform stopped it: no requests"


def test_an_endpoint_of_ours_that_the_ledger_does_not_know_is_taken_down(relay: EndpointRelay) -> None:
    prefix = relay.ledger.prefix()
    for name in (f"{prefix}lost", "hr-0000-others", "acme-own"):
        relay.endpoints.create(name)
        relay.endpoints.deploy(relay.endpoints.there[name], relay.endpoints.offered[0], 30)
        relay.endpoints.set(name, Serving.READY)
    relay.rounds(3, after_s=30)
    assert f"{prefix}lost" in relay.endpoints.running()  # it may be another tick's, just made
    relay.rounds(6, after_s=60)
    assert sorted(relay.endpoints.there) == ["acme-own", "hr-0000-others"]
    assert relay.ledger.named(f"{prefix}lost").why == "the ledger did not know it"


def test_two_ticks_at_once_make_one_endpoint(relay: EndpointRelay) -> None:
    jobs = [relay.trained() for _ in range(2)]
    keepers = [relay.new_keeper() for _ in range(2)]
    for _ in range(6):
        relay.clock.sleep(5)
        for keeper in keepers:
            keeper.run()
    assert len(relay.endpoints.there) == len(jobs)
    assert all(len(one.deployments) == 1 for one in relay.endpoints.there.values())


def test_an_endpoint_that_runs_costs_a_look_now_and_then_and_one_that_does_not_none(relay: EndpointRelay) -> None:
    relay.rounds(3)
    assert relay.endpoints.calls == []
    relay.trained(limits__max_attempts=100)
    relay.model.faults["What is test1?"] = Transient("the model paused", after_s=300.0)
    relay.ready()
    relay.endpoints.calls.clear()
    for _ in range(20):
        relay.tick(after_s=0.5)
    assert set(relay.endpoints.calls) == {"endpoints"}
    assert len(relay.endpoints.calls) <= 3


def test_minutes_are_counted_by_us_where_the_platform_does_not_tell_them(relay: EndpointRelay) -> None:
    relay.endpoints.tells_spans = False
    job = relay.trained()
    relay.ready()
    relay.rounds(8)
    assert relay.entry(job).minutes == 1


def test_an_endpoint_stopped_by_hand_fails_its_job_until_somebody_retries_it(relay: EndpointRelay) -> None:
    job = relay.trained()
    relay.rounds(4)
    relay.ledger.move(relay.entry(job).name, wish="stop")
    relay.settle()
    assert (relay.get(job).state, (relay.get(job).error or {})["code"]) == (JobState.FAILED, "endpoint_stopped")


# ---- before the fine-tune is paid ----


def test_nothing_is_paid_for_a_model_that_nothing_serves(relay: EndpointRelay) -> None:
    relay.endpoints.offered.clear()
    job = relay.submit(deploy__mode="auto")
    by_hand = relay.submit(fresh=True, deploy__mode="manual")
    anyway = relay.submit(deploy__mode="auto", deploy__preflight=False)
    relay.drive()
    refused = relay.get(job)
    assert (refused.state, (refused.error or {})["code"]) == (JobState.FAILED, "not_servable")
    assert "nothing was paid: the platform has no config that serves meta-llama/" in (refused.error or {})["message"]
    assert {relay.get(one).state for one in (by_hand, anyway)} == {JobState.TRAINING}
    assert relay.platform.calls.count("start_run") == 2


def test_nothing_is_paid_for_hardware_that_does_not_serve_the_model(relay: EndpointRelay) -> None:
    job = relay.submit(deploy__mode="auto", deploy__hardware="9xb200")
    relay.drive()
    assert "offers 1xh100 (6.00 cents a minute), 1xa100" in (relay.get(job).error or {})["message"]
    assert "start_run" not in relay.platform.calls


# ---- names that others give ----


def test_a_registered_name_counts_once_it_has_answered(relay: EndpointRelay) -> None:
    relay.endpoints.deaf.add("acme/mistyped")
    job = relay.trained(deploy__mode="manual")
    relay.commands.register_deployment(job, "acme/mistyped")
    relay.rounds(1)
    waits = relay.get(job)
    assert waits.state is JobState.TRAINED
    assert "Unable to access model acme/mistyped" in waits.facts["refusal"]
    relay.rounds(10)
    assert 2 <= relay.endpoints.calls.count("answers") <= 4  # less and less often
    relay.commands.register_deployment(job, "acme/right")
    relay.rounds(2)
    assert relay.get(job).state is JobState.SUCCEEDED
    assert relay.get(job).facts.get("refusal") is None


def test_the_same_name_given_again_is_asked_at_once(relay: EndpointRelay) -> None:
    relay.endpoints.deaf.add("acme/late")
    job = relay.trained(deploy__mode="manual")
    relay.commands.register_deployment(job, "acme/late")
    relay.rounds(30)
    relay.endpoints.deaf.clear()
    relay.commands.register_deployment(job, "acme/late")
    relay.rounds(1)
    assert relay.get(job).state is JobState.SUCCEEDED


def test_a_name_given_to_an_auto_job_spares_the_endpoint(relay: EndpointRelay) -> None:
    job = relay.submit(deploy__mode="auto")
    relay.commands.register_deployment(job, "acme/mine")
    relay.drive()
    relay.platform.complete(relay.get(job).run_id or "")
    relay.rounds(2)
    assert relay.get(job).state is JobState.SUCCEEDED
    assert "create" not in relay.endpoints.calls


def test_a_name_given_while_the_endpoint_starts_takes_it_down(relay: EndpointRelay) -> None:
    job = relay.trained()
    relay.rounds(4)
    assert relay.endpoints.there
    relay.commands.register_deployment(job, "acme/mine")
    relay.settle()
    assert (relay.get(job).state, relay.get(job).deployment) == (JobState.SUCCEEDED, "acme/mine")


def test_an_endpoint_that_serves_the_model_is_found(relay: EndpointRelay) -> None:
    job = relay.trained(deploy__mode="detect")
    other = relay.trained(deploy__mode="detect")
    relay.rounds(2)
    relay.endpoints.there["mine"] = Endpoint("ep-mine", "mine", "acme/mine")
    offer = relay.endpoints.offered[0].__class__(f"p/ml_{job}", "cr", "1xh100", 6.0)
    relay.endpoints.deploy(relay.endpoints.there["mine"], offer, 30)
    relay.endpoints.set("mine", Serving.READY)
    relay.rounds(2)
    assert relay.get(job).state is JobState.TRAINED  # nothing is led to it yet
    relay.endpoints.route(relay.endpoints.there["mine"])
    relay.rounds(3)
    assert (relay.get(job).state, relay.get(job).deployment) == (JobState.SUCCEEDED, "acme/mine")
    assert relay.get(other).state is JobState.TRAINED
    assert relay.endpoints.running() == ["mine"]  # somebody else's: it stays
    assert relay.ledger.seekers() == [other]
