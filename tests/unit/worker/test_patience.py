"""The platform's list may rest while nothing can change, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.keys import Keys
from tests.fakes.parts import FakeClock
from tests.fakes.relay import Relay
from worker.patience import YOUNG_S, Patience
from worker.ports import Run, RunStatus
from worker.tick import Tick

ACTIVE = {name: Run(name, RunStatus.ACTIVE, "running") for name in ("ft-1", "ft-2")}
HOURS = 7200.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def patience(clock: FakeClock) -> Patience:
    patience = Patience(30, clock)
    for number, run_id in enumerate(ACTIVE):
        patience.trains(run_id, f"job-{number}")
    clock.sleep(YOUNG_S)
    return patience


def wait_s(patience: Patience, left: dict[str, float | None], *, training: int = 2) -> float:
    return patience.wait_s(training, ACTIVE, left.get)


def test_runs_that_are_far_from_their_end_let_the_list_rest_within_its_bound(patience: Patience) -> None:
    assert wait_s(patience, {"ft-1": HOURS, "ft-2": HOURS}) == 30


def test_the_nearest_end_counts_and_a_quarter_of_the_way_to_it(patience: Patience) -> None:
    assert wait_s(patience, {"ft-1": HOURS, "ft-2": 40}) == 10


@pytest.mark.parametrize("left", [{"ft-1": HOURS}, {"ft-1": HOURS, "ft-2": None}, {"ft-1": HOURS, "ft-2": 0.0}, {}])
def test_one_run_without_an_estimate_is_asked_for_at_every_tick(
    patience: Patience, left: dict[str, float | None]
) -> None:
    assert wait_s(patience, left) == 0


def test_a_job_whose_run_is_not_known_is_asked_for_at_every_tick(patience: Patience) -> None:
    assert wait_s(patience, {"ft-1": HOURS, "ft-2": HOURS}, training=3) == 0


def test_a_young_or_changed_run_is_asked_for_at_every_tick(patience: Patience, clock: FakeClock) -> None:
    patience.trains("ft-1", "job-0")
    assert wait_s(patience, {"ft-1": HOURS, "ft-2": HOURS}) == 0
    clock.sleep(YOUNG_S)
    assert wait_s(patience, {"ft-1": HOURS, "ft-2": HOURS}) == 30


def test_a_run_that_the_list_shows_no_more_is_told_once(patience: Patience) -> None:
    assert patience.missing({"ft-1": ACTIVE["ft-1"]}) == ["job-1"]
    assert patience.missing({"ft-1": ACTIVE["ft-1"]}) == []


# ---- in the relay ----


@pytest.fixture
def relay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Relay:
    relay = Relay(tmp_path)
    monkeypatch.setattr("worker.patience.YOUNG_S", 0.0)
    relay.ticker = Tick(
        relay.store, relay.platform, relay.nudges, period_s=5, look_s=60, max_backlog=100, poll_max_s=30
    )
    return relay


def in_training(relay: Relay) -> tuple[str, str]:
    job_id = relay.submit()
    relay.drive()
    run_id = relay.get(job_id).run_id or ""
    relay.platform.estimates[run_id] = HOURS
    return job_id, run_id


def lists(relay: Relay) -> int:
    """How often the tick asks for the list now: one tick."""
    relay.platform.calls.clear()
    relay.round()
    return relay.platform.calls.count("runs")


def test_the_list_rests_and_the_rest_is_told(relay: Relay) -> None:
    in_training(relay)
    assert lists(relay) == 1
    assert 20 < relay.store.rests_s() <= 30
    assert lists(relay) == 0
    relay.redis.delete(Keys.rest)  # it expired
    assert relay.store.rests_s() == 0
    assert lists(relay) == 1


def test_a_job_that_begins_to_train_ends_the_rest(relay: Relay) -> None:
    in_training(relay)
    assert (lists(relay), lists(relay)) == (1, 0)
    in_training(relay)
    assert lists(relay) == 1


def test_a_worker_that_never_saw_the_list_asks_though_another_one_rests(relay: Relay) -> None:
    in_training(relay)
    assert (lists(relay), lists(relay)) == (1, 0)
    relay.ticker = Tick(
        relay.store, relay.platform, relay.nudges, period_s=5, look_s=60, max_backlog=100, poll_max_s=30
    )
    assert lists(relay) == 1


def test_without_estimates_every_tick_asks(relay: Relay) -> None:
    _, run_id = in_training(relay)
    del relay.platform.estimates[run_id]
    assert (lists(relay), lists(relay)) == (1, 1)


def test_a_run_that_vanishes_from_the_list_is_asked_for_in_the_same_tick(relay: Relay) -> None:
    _, run_id = in_training(relay)
    relay.platform.estimates.clear()
    assert lists(relay) == 1
    relay.round(60)  # the young job was looked at
    relay.platform.hidden = {run_id}
    relay.platform.calls.clear()
    relay.round()
    assert relay.platform.calls == ["runs", "run"]


def test_a_listed_run_is_looked_at_for_itself_seldom(relay: Relay) -> None:
    job_id, _ = in_training(relay)
    relay.round(20)
    assert relay.redis.zscore(Keys.due, job_id) > relay.clock.ms() + 500_000


def test_a_name_for_a_trained_job_starts_generation_without_a_tick(relay: Relay) -> None:
    job_id, run_id = in_training(relay)
    relay.platform.complete(run_id)
    relay.round()
    relay.commands.register_deployment(job_id, "acme/x")
    assert [(job, [step.name for step in steps]) for job, steps in relay.nudges.sent] == [
        (job_id, ["deploy", "generate", "evaluate"])
    ]
    relay.drive()
    assert relay.get(job_id).state == "succeeded"
    assert "model_deployed" in relay.types(job_id)


def test_generation_is_nudged_in_the_tick_that_sees_the_run_completed(relay: Relay) -> None:
    job_id, run_id = in_training(relay)
    relay.commands.register_deployment(job_id, "acme/x")
    relay.platform.complete(run_id)
    relay.tick()
    assert [(job, steps[0].name) for job, steps in relay.nudges.sent] == [(job_id, "deploy")]
