"""Equal data is prepared and uploaded once, whoever comes first, whatever becomes of that one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from common.commands import Wanted
from common.job import Pointer
from common.keys import Keys
from common.outcomes import Advance, Snooze
from common.states import JobState
from tests.fakes.parts import FakeDesk, hinteval_json, make_job, make_ports, make_spec
from tests.fakes.relay import Relay
from worker.ports import Ports
from worker.stages.prepare import prepare

Desks = tuple[FakeDesk, FakeDesk]
stage = sys.modules[prepare.__module__]  # the package has a function of that name


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """One entry for each time that a data set is read."""
    times: list[Any] = []

    def select(*args: Any) -> Any:
        times.append(args)
        return real(*args)

    real = stage.select
    monkeypatch.setattr(stage, "select", select)
    return times


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    return make_ports(tmp_path)


def desks(**changes: Any) -> Desks:
    """Two jobs of one store, with equal data."""
    first = FakeDesk(make_job(JobState.ACCEPTED, make_spec(**changes)))
    other = make_spec(finetune__learning_rate=0.5, **changes)
    second = FakeDesk(make_job(JobState.ACCEPTED, other), shelves=first.shelves)
    return first, second


def lost(ports: Ports, made: dict[str, Any]) -> None:
    Path(ports.artifacts.locate(Pointer(**made))).unlink()  # type: ignore[attr-defined]  # of the real store


def test_twenty_jobs_of_equal_data_are_one_preparation_one_upload_and_twenty_runs(
    tmp_path: Path, chosen: list[Any]
) -> None:
    relay = Relay(tmp_path)
    specs = [make_spec(finetune__learning_rate=(n + 1) / 1000) for n in range(20)]
    jobs = [one.job_id for one in relay.commands.submit([Wanted(spec) for spec in specs])]
    relay.drive()
    assert {relay.get(job_id).state for job_id in jobs} == {JobState.TRAINING}
    assert len(chosen) == 1
    assert relay.platform.calls.count("upload") == 1
    assert len(relay.platform.run_by_id) == 20
    assert len({str(relay.get(job_id).pointer("questions")) for job_id in jobs}) == 1
    assert {relay.get(job_id).facts["counts"]["train_rows"] for job_id in jobs} == {6}


@pytest.mark.parametrize(
    "other",
    [
        {"dataset__seed": 7},
        {"dataset__test_limit": 1},
        {"dataset__gates": {"overlap": "drop"}},
        {"finetune__format": "llama3"},
        {"dataset__test": "train"},
    ],
)
def test_what_changes_the_outcome_is_prepared_for_itself(
    ports: Ports, chosen: list[Any], other: dict[str, Any]
) -> None:
    first, _ = desks()
    assert isinstance(prepare(first.job, ports, first), Advance)
    job = make_job(JobState.ACCEPTED, make_spec(**other))
    prepare(job, ports, FakeDesk(job, shelves=first.shelves))
    assert len(chosen) == 2


def test_another_content_under_the_same_path_is_other_data(ports: Ports, chosen: list[Any]) -> None:
    known: dict[str, bytes] = ports.datasets.known  # type: ignore[attr-defined]  # the fake's
    first, second = desks(dataset__source="/data/small.json")
    known["/data/small.json"] = hinteval_json()
    prepare(first.job, ports, first)
    known["/data/small.json"] = hinteval_json(7)
    prepare(second.job, ports, second)
    assert len(chosen) == 2


def test_who_comes_second_waits_and_is_woken(ports: Ports, chosen: list[Any]) -> None:
    first, second = desks()
    second.others_at_work = True
    waits = prepare(second.job, ports, second)
    assert isinstance(waits, Snooze)
    assert waits.reason == "another job prepares the same data"
    assert not chosen
    assert isinstance(prepare(first.job, ports, first), Advance)
    assert first.woken == [second.job.id]
    assert isinstance(prepare(second.job, ports, second), Advance)
    assert len(chosen) == 1


def test_small_data_is_waited_for_where_the_job_is(tmp_path: Path, chosen: list[Any]) -> None:
    """While the second one waits for a moment, the first one is done."""
    from dataclasses import replace

    first, second = desks()
    ports = make_ports(tmp_path)
    second.others_at_work = True
    waiting = replace(ports, sleep=lambda seconds: None if chosen else _ignore(prepare(first.job, ports, first)))
    assert isinstance(prepare(second.job, waiting, second), Advance)
    assert len(chosen) == 1


def _ignore(outcome: object) -> None:
    assert isinstance(outcome, Advance)


def test_files_that_were_deleted_are_made_again(ports: Ports, chosen: list[Any]) -> None:
    first, second = desks()
    made = prepare(first.job, ports, first)
    assert isinstance(made, Advance)
    lost(ports, made.facts["questions"])
    again = prepare(second.job, ports, second)
    assert isinstance(again, Advance)
    assert len(chosen) == 2
    assert again.facts["questions"] == made.facts["questions"]


def test_who_fails_at_it_leaves_it_to_the_next(ports: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = desks()

    def broken(*args: Any) -> Any:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(stage, "write_training", broken)
        with pytest.raises(OSError, match="full"):
            prepare(first.job, ports, first)
    assert len(first.released) == 1
    assert isinstance(prepare(second.job, ports, second), Advance)


def test_a_crash_of_the_one_that_prepares_costs_a_lease_and_no_other_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.fakes.platform import Killed

    relay = Relay(tmp_path)
    jobs = [relay.submit(finetune__learning_rate=(n + 1) / 1000) for n in range(3)]

    def killed(*args: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(stage, "write_training", killed)
        with pytest.raises(Killed):
            relay.drive()
    relay.nudges.sent.clear()
    relay.redis.delete(*relay.redis.keys(Keys.alone("*")))  # its expiry is by the server's clock
    for _ in range(6):
        relay.round(10)
    assert {relay.get(job_id).state for job_id in jobs} == {JobState.TRAINING}
    relay.check()
