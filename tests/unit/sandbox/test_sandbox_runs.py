"""The runs of the sandbox: their list, restarts, cancels, and which model answers under a name."""

import json
from typing import Any

import pytest

from sandbox.clock import Clock
from sandbox.create import complete
from sandbox.errors import PlatformError
from sandbox.limits import MODELS
from sandbox.names import Names
from sandbox.run import Counted, Run
from sandbox.run_events import events, metrics
from sandbox.run_views import full
from sandbox.runs import Runs
from sandbox.state import State

MODEL = MODELS["meta-llama/Meta-Llama-3-8B-Instruct"]
COUNTED = Counted(tokens=1000, lines=80, size=4000, price=1_440_000)


class Bench:
    """Runs of 100 seconds over a clock that stands still until it is moved on."""

    def __init__(self) -> None:
        self.state, self.clock = State(), Clock(wall=lambda: 1000.0)
        self.runs = Runs(self.state, self.clock, train_seconds=100)

    def create(self, suffix: str = "s", **more: Any) -> Run:
        asked = {"suffix": suffix, "n_epochs": 2, "training_file": "file-1"}
        return self.runs.create(complete(asked, MODEL), COUNTED, **more)

    def listed(self) -> list[dict[str, Any]]:
        return list(json.loads(self.runs.listing())["data"])


def test_a_list_item_changes_when_its_run_does_and_is_kept_otherwise() -> None:
    bench = Bench()
    bench.create()
    bench.clock.advance(20)
    first, again = bench.runs.listing(), bench.runs.listing()
    assert first == again
    assert bench.listed()[0]["progress"] == {"estimate_available": True, "seconds_remaining": 65}
    bench.clock.advance(1)
    assert bench.listed()[0]["progress"]["seconds_remaining"] == 64
    bench.clock.advance(79)
    assert bench.listed()[0]["status"] == "completed"


def test_a_cancel_shows_in_the_list_at_once() -> None:
    bench = Bench()
    run = bench.create()
    bench.listed()
    bench.runs.cancel(run.id)
    assert bench.listed()[0]["status"] == "cancel_requested"


def test_an_ended_run_is_neither_cancelled_nor_kept_from_deletion() -> None:
    bench = Bench()
    run = bench.create()
    with pytest.raises(PlatformError, match="pending"):
        bench.runs.delete(run.id, force=False)
    bench.clock.advance(100)
    with pytest.raises(PlatformError, match="completed already"):
        bench.runs.cancel(run.id)
    bench.runs.delete(run.id, force=False)
    assert bench.listed() == []
    assert bench.runs.last_completed() is None


def test_a_successor_is_there_only_once_its_run_has_ended() -> None:
    bench = Bench()
    run = bench.create(plan="restart")
    assert run.successor is not None
    assert [item["id"] for item in bench.listed()] == [run.id]
    with pytest.raises(PlatformError):
        bench.runs.get(run.successor)
    bench.clock.advance(40)
    assert {item["id"] for item in bench.listed()} == {run.id, run.successor}
    bench.clock.advance(100)
    assert bench.runs.last_completed() == bench.runs.get(run.successor)


def test_a_cancel_before_a_restart_leaves_no_successor() -> None:
    bench = Bench()
    run = bench.create(plan="restart")
    bench.runs.cancel(run.id)
    bench.clock.advance(500)
    assert [item["status"] for item in bench.listed()] == ["cancelled"]


def test_the_full_form_has_events_and_no_suffix_the_list_the_other_way_round() -> None:
    bench = Bench()
    run = bench.create()
    now = bench.clock.advance(100)
    shown = full(run, now, events(run, now))
    assert "suffix" not in shown
    assert shown["events"][-1]["type"] == "job_complete"
    assert shown["model_output_name"] == bench.listed()[0]["model_output_name"] == run.output_name
    assert bench.listed()[0]["suffix"] == "s"
    assert bench.listed()[0]["events"] is None


def test_a_run_whose_upload_to_the_registry_failed_has_a_name_but_no_object() -> None:
    bench = Bench()
    run = bench.create(plan="unregistered")
    now = bench.clock.advance(100)
    shown = full(run, now, [])
    assert shown["model_output_name"]
    assert shown["model_object_id"] is None


def test_events_are_in_order_and_an_error_says_why() -> None:
    bench = Bench()
    run = bench.create(plan="error", message="The node burnt down")
    now = bench.clock.advance(100)
    told = events(run, now)
    assert [event["created_at"] for event in told] == sorted(event["created_at"] for event in told)
    assert told[-1]["message"] == "The node burnt down"


def test_metrics_are_flat_and_end_with_an_evaluation() -> None:
    bench = Bench()
    run = bench.create()
    now = bench.clock.advance(100)
    points = metrics(run, now)
    assert points[-1]["global_step"] == 4
    assert points[-1]["eval/loss"] < points[1]["eval/loss"]
    assert points[-1]["train/loss"] < points[0]["train/loss"]


def test_all_is_there_again_when_the_state_is_opened_again() -> None:
    bench = Bench()
    run = bench.create()
    again = Runs(bench.state, bench.clock, train_seconds=5)
    assert again.get(run.id) == run
    assert again.listing() == bench.runs.listing()


def test_names_find_base_models_outputs_and_deployments() -> None:
    bench = Bench()
    names = Names(bench.state, bench.clock, bench.runs, strict=False)
    run = bench.create()
    names.declare("acme/early", run.id)
    for name, code in (("acme/early", "dedicated_endpoint_not_running"), ("acme/x", "model_not_available")):
        with pytest.raises(PlatformError) as caught:
            names.resolve(name)
        assert caught.value.code == code
    bench.clock.advance(100)
    assert names.resolve(MODEL.name) == MODEL.name
    for name in (run.output_name, run.object_id, "acme/early", "acme/x"):
        assert names.resolve(name) == run


def test_strict_names_refuse_what_nobody_declared() -> None:
    bench = Bench()
    names = Names(bench.state, bench.clock, bench.runs, strict=True)
    run = bench.create()
    bench.clock.advance(100)
    with pytest.raises(PlatformError, match="acme/x"):
        names.resolve("acme/x")
    names.declare("acme/x", None)
    assert names.resolve("acme/x") == run
    names.withdraw("acme/x")
    with pytest.raises(PlatformError):
        names.resolve("acme/x")


@pytest.mark.parametrize(
    "asked",
    [{"n_epochs": 0}, {"batch_size": 999}, {"learning_rate": 1}, {"suffix": "x" * 41}, {"training_type": {}}],
)
def test_what_exceeds_a_models_limits_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(PlatformError, match=next(iter(asked))):
        complete(asked, MODEL)
