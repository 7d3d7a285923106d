"""endpoints: the ledger as people see it, and the wishes that the next tick carries out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from common.endpoints import EntryState
from common.ledger import Ledger
from common.states import JobState
from common.store import Store
from tests.jobs_made import in_state
from tests.unit.producer.conftest import Run, error_of


@pytest.fixture
def ledger(job_store: Store) -> Ledger:
    return Ledger.beside(job_store)


def running(ledger: Ledger, job: str) -> str:
    """The name of an entry whose endpoint runs for a job."""
    name = ledger.want(job, job, job, {"model": "ml_1", "max_minutes": 60})
    entry = ledger.named(name)
    chosen: dict[str, Any] = {"price": 4.0, "hardware": "1xa100", "address": f"acme/{name}"}
    assert ledger.move(entry, EntryState.STARTING, until_ms=3_600_000, **chosen) == 1
    assert ledger.move(ledger.named(name), EntryState.RUNNING, begun=ledger.now_ms()) == 1
    return name


def test_nothing_to_show_says_so(run: Run) -> None:
    done = run("endpoints", "ls")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "no endpoint runs" in done.stderr


def test_ls_shows_what_runs_what_is_wanted_and_what_nobody_knows(run: Run, job_store: Store, ledger: Ledger) -> None:
    job, other = in_state(job_store, JobState.TRAINED), in_state(job_store, JobState.TRAINED)
    name = running(ledger, job)
    wanted = ledger.want(other, other, other, {"model": "ml_2"})
    ledger.stray("hr-0000-lost", 1)
    shown = {one["name"]: one for one in json.loads(run("endpoints", "ls", "-o", "json").stdout)}
    assert {one["name"]: one["state"] for one in shown.values()} == {
        name: "running",
        wanted: "wanted",
        "hr-0000-lost": "unknown",
    }
    assert shown[name]["jobs"] == [job]
    assert shown[name]["cents_per_minute"] == 4.0
    assert name in run("endpoints", "ls").stdout


def test_stop_takes_a_name_or_a_job_and_writes_a_wish(run: Run, job_store: Store, ledger: Ledger) -> None:
    job, other = in_state(job_store, JobState.TRAINED), in_state(job_store, JobState.TRAINED)
    name, second = running(ledger, job), running(ledger, other)
    assert run("endpoints", "stop", job).exit_code == 0
    assert (ledger.named(name).wish, ledger.named(second).wish) == ("stop", "")
    ledger.stray("hr-0000-lost", 1)
    assert run("endpoints", "stop", "all").exit_code == 0
    assert ledger.named(second).wish == "stop"
    assert ledger.strays() == {"hr-0000-lost": 0}
    shown = run("endpoints", "ls").stdout
    assert shown.count("it was asked to end") == 3


def test_a_wish_that_nobody_would_carry_out_says_so(run: Run, job_store: Store, ledger: Ledger) -> None:
    name = running(ledger, in_state(job_store, JobState.TRAINED))
    assert "no platform worker is there" in run("endpoints", "stop", name).stderr
    job_store.sign_of_life(["platform box:1"])
    assert "no platform worker" not in run("endpoints", "stop", name).stderr


def test_what_is_not_there_or_has_ended_cannot_be_stopped(run: Run, job_store: Store, ledger: Ledger) -> None:
    name = running(ledger, in_state(job_store, JobState.TRAINED))
    done = run("endpoints", "stop", "nothing", "-o", "json")
    assert (done.exit_code, error_of(done)["code"]) == (6, "not_found")
    ledger.move(name, EntryState.STOPPING, why="its job succeeded")
    ledger.close(ledger.named(name), 3)
    done = run("endpoints", "stop", name, "-o", "json")
    assert (done.exit_code, error_of(done)["code"]) == (7, "conflict")
    assert [one["minutes"] for one in json.loads(run("endpoints", "ls", "--all", "-o", "json").stdout)] == [3]


def test_reap_ends_what_no_job_needs_and_a_dry_run_only_says_so(run: Run, job_store: Store, ledger: Ledger) -> None:
    ended, works = in_state(job_store, JobState.FAILED), in_state(job_store, JobState.TRAINED)
    name, needed = running(ledger, ended), running(ledger, works)
    ledger.stray("hr-0000-lost", 1)
    dry = json.loads(run("endpoints", "reap", "--dry-run", "-o", "json").stdout)
    assert {one["name"]: one["why"] for one in dry} == {
        name: "its job failed",
        "hr-0000-lost": "the ledger does not know it",
    }
    assert ledger.named(name).wish == ""
    assert run("endpoints", "reap").exit_code == 0
    assert (ledger.named(name).wish, ledger.named(needed).wish) == ("stop", "")
    assert ledger.strays() == {"hr-0000-lost": 0}
