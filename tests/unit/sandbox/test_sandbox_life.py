"""A run's life by the clock."""

import pytest

from sandbox.clock import Clock
from sandbox.life import FINAL, PLANS, next_step, passed, timeline, trained_share

BORN, WHOLE = 1000.0, 100.0


def status_at(plan: str, age: float, cancel_at: float | None = None) -> str:
    return passed(timeline(plan, BORN, WHOLE, cancel_at), BORN + age)[-1].status


def share_at(plan: str, age: float) -> float:
    return trained_share(timeline(plan, BORN, WHOLE), BORN + age, BORN, WHOLE)


@pytest.mark.parametrize(
    ("age", "status"),
    [
        (0, "pending"),
        (5, "queued"),
        (15, "running"),
        (85, "compressing"),
        (92, "uploading"),
        (99.9, "uploading"),
        (100, "completed"),
        (9999, "completed"),
    ],
)
def test_a_healthy_run_has_the_platforms_statuses_in_order(age: float, status: str) -> None:
    assert status_at("ok", age) == status


@pytest.mark.parametrize("plan", sorted(PLANS))
def test_every_plan_begins_pending_and_only_the_waiting_ones_never_end(plan: str) -> None:
    assert status_at(plan, 0) == "pending"
    ends = status_at(plan, WHOLE) in FINAL
    assert ends == (plan not in ("stuck", "paused_forever"))


@pytest.mark.parametrize("plan", sorted(PLANS))
def test_no_plan_goes_back_in_time(plan: str) -> None:
    begins = [step.at for step in timeline(plan, BORN, WHOLE)]
    assert begins == sorted(begins)


def test_a_run_asked_to_end_is_cancelled_a_little_later() -> None:
    assert status_at("ok", 49, cancel_at=BORN + 50) == "running"
    assert status_at("ok", 51, cancel_at=BORN + 50) == "cancel_requested"
    assert status_at("ok", 55, cancel_at=BORN + 50) == "cancelled"
    assert status_at("stuck", 9999, cancel_at=BORN + 50) == "cancelled"


def test_a_run_that_has_ended_awaits_nothing() -> None:
    steps = timeline("ok", BORN, WHOLE)
    upcoming = next_step(steps, BORN + 20)
    assert upcoming is not None
    assert upcoming.status == "compressing"
    assert next_step(steps, BORN + 100) is None


def test_training_advances_while_the_run_runs_and_stops_with_it() -> None:
    assert share_at("ok", 10) == 0
    assert share_at("ok", 50) == pytest.approx(0.5)
    assert share_at("ok", 85) == 1
    assert share_at("error", 9999) == pytest.approx(0.5)
    assert share_at("stuck", 9999) == 0.5


def test_a_clock_with_a_rate_goes_faster_and_goes_on_where_it_was() -> None:
    wall = [1000.0]
    clock = Clock(rate=60, wall=lambda: wall[0])
    wall[0] += 2
    assert clock.now() == 1000 + 120
    again = Clock(rate=60, since=clock.since, wall=lambda: wall[0])
    assert again.now() == clock.now()
