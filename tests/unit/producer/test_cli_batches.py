"""batches, and --batch of every command that takes jobs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.compact import compacted
from common.connection import Client
from common.errors import Exit
from common.keys import Keys
from common.states import JobState
from common.store import Store
from producer.cli.context import Tools
from tests.jobs_made import made
from tests.unit.producer.conftest import Run, error_of, loaded


@pytest.fixture
def night(job_store: Store) -> list[str]:
    """Three jobs of the batch `night`, the second failed, the third in training; and one that is in another batch."""
    ids = [made(job_store, batch="night") for _ in range(3)]
    assert job_store.move(ids[1], JobState.ACCEPTED, JobState.FAILED)
    for origin, target in (("accepted", "prepared"), ("prepared", "uploaded"), ("uploaded", "training")):
        assert job_store.move(ids[2], JobState(origin), JobState(target), {"run_id": "ft-1"})
    other = made(job_store, batch="day")
    assert job_store.move(other, JobState.ACCEPTED, JobState.FAILED)
    return ids


def test_batches_are_counted_by_state(run: Run, night: list[str]) -> None:
    rows = loaded(run("batches", "-o", "json"))
    assert [(row["batch"], row["jobs"]) for row in rows] == [("night", 3), ("day", 1)]
    assert rows[0]["states"] == {"accepted": 1, "training": 1, "failed": 1}
    table = run("batches").stdout.splitlines()
    assert table[1].startswith("day")
    assert "1 accepted, 1 training, 1 failed" in table[2]


def test_all_batches_take_two_round_trips(run: Run, redis: Client, job_store: Store) -> None:
    for number in range(50):
        made(job_store, batch=f"b{number}")
    redis.trips = 0
    assert len(loaded(run("batches", "-o", "json"))) == 50
    assert redis.trips == 2


def test_a_batch_whose_jobs_are_gone_is_not_shown(run: Run, job_store: Store, redis: Client) -> None:
    made(job_store, batch="gone")
    redis.delete("hintrelay:batch:gone")
    assert loaded(run("batches", "-o", "json")) == []
    assert "no batches yet" in run("batches").stderr


def test_submit_names_the_batch_and_tells_it(run: Run, spec_file: Path, job_store: Store) -> None:
    jobs = loaded(run("submit", str(spec_file), "--batch", "night", "-o", "json"))
    assert [job["batch"] for job in jobs] == ["night", "night"]
    own = loaded(run("submit", str(spec_file), "-o", "json"))
    assert {job["batch"] for job in own} != {"night"}
    assert "batch" in run("submit", str(spec_file)).stderr


def test_a_batch_name_that_is_none_stores_nothing(run: Run, spec_file: Path, job_store: Store) -> None:
    result = run("submit", str(spec_file), "--batch", "a b", "-o", "json")
    assert result.exit_code == Exit.INVALID_SPEC
    assert error_of(result)["message"].startswith("--batch: a batch name is 1 to 100 of")
    assert job_store.ids() == []


@pytest.mark.parametrize(
    "words",
    ["ls", "wait", "watch", "cancel", "retry", "retry --failed", "pending", "results --output there"],
)
def test_a_batch_that_there_is_not_is_not_found(run: Run, night: list[str], words: str) -> None:
    result = run(*words.split(), "--batch", "nihgt", "-o", "json")
    assert result.exit_code == Exit.NOT_FOUND
    assert error_of(result)["message"] == "there is no batch nihgt"


def test_ls_can_be_of_one_batch_and_state(run: Run, night: list[str]) -> None:
    assert [job["job"] for job in loaded(run("ls", "--batch", "night", "-o", "json"))] == night
    failed = loaded(run("ls", "--batch", "night", "--state", "failed", "-o", "json"))
    assert [job["job"] for job in failed] == [night[1]]


def test_cancel_of_a_batch_takes_what_has_not_ended(run: Run, night: list[str], job_store: Store) -> None:
    jobs = loaded(run("cancel", "--batch", "night", "-o", "json"))
    assert [(job["job"], job["state"]) for job in jobs] == [(night[0], "cancelled"), (night[2], "training")]
    assert job_store.get(night[2]).wish == "cancel"
    assert job_store.get(night[1]).state is JobState.FAILED


def test_retry_of_a_batch_takes_its_failed_jobs(run: Run, night: list[str], job_store: Store) -> None:
    jobs = loaded(run("retry", "--batch", "night", "--failed", "-o", "json"))
    assert [job["job"] for job in jobs] == [night[1]]
    assert len(job_store.ids(JobState.FAILED)) == 1


def test_retry_failed_leaves_out_what_has_not_failed(run: Run, night: list[str]) -> None:
    assert run("retry", *night, "-o", "json").exit_code == Exit.CONFLICT
    assert loaded(run("retry", *night, "--failed", "-o", "json")) == []
    assert len(loaded(run("retry", "--failed", "-o", "json"))) == 1


def test_wait_and_watch_take_a_batch(run: Run, night: list[str], job_store: Store) -> None:
    for job_id in (night[0], night[2]):
        assert job_store.move(job_id, job_store.get(job_id).state, JobState.FAILED)
    for command in ("wait", "watch"):
        assert run(command, "--batch", "night").exit_code == Exit.SOME_FAILED
    assert [job["job"] for job in json.loads(run("wait", "--batch", "night", "-o", "json").stdout)] == night


def test_pending_of_a_batch(run: Run, night: list[str], job_store: Store) -> None:
    assert job_store.move(night[2], JobState.TRAINING, JobState.TRAINED, {"output_name": "acme/tuned"})
    assert [job["job"] for job in loaded(run("pending", "--batch", "night", "-o", "json"))] == [night[2]]
    assert loaded(run("pending", "--batch", "day", "-o", "json")) == []


def test_results_of_a_batch_are_a_file_a_job(
    run: Run, night: list[str], job_store: Store, tools: Tools, tmp_path: Path
) -> None:
    assert run("results", "--batch", "night", "--output", "out").exit_code == Exit.CONFLICT
    pointer = tools.artifacts.put(b'{"name": "n"}')
    assert job_store.note(night[2], {"results": pointer.dump()}, run_id="ft-1")
    result = run("results", "--batch", "night", "--output", "out", "-o", "json")
    assert loaded(result) == [{"job": night[2], "name": "demo", "file": f"out/{night[2]}.json"}]
    assert (tmp_path / "out" / f"{night[2]}.json").read_bytes() == b'{"name": "n"}'
    assert "2 of 3 jobs have no results" in result.stderr


def test_results_of_a_batch_are_found_in_compact_records(
    run: Run, night: list[str], job_store: Store, tools: Tools, redis: Client
) -> None:
    facts = {"results": tools.artifacts.put(b"{}").dump(), "counts": {f"dropped_{n}": n for n in range(20)}}
    assert job_store.note(night[2], facts, run_id="ft-1")
    key = Keys.job(night[2])
    gone, written = compacted({**redis.hgetall(key), "state": "succeeded"})
    redis.hdel(key, *gone)
    redis.hset(key, mapping=written)
    assert redis.hexists(key, "packed")
    told = loaded(run("results", "--batch", "night", "--output", "out", "-o", "json"))
    assert [one["job"] for one in told] == [night[2]]


@pytest.mark.parametrize("command", ["wait", "cancel", "retry", "results"])
def test_jobs_and_a_batch_are_not_given_together_nor_neither(run: Run, night: list[str], command: str) -> None:
    assert run(command, night[0], "--batch", "night").exit_code == Exit.USAGE
    assert run(command).exit_code == Exit.USAGE


def test_results_of_a_batch_want_a_folder(run: Run, night: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert run("results", "--batch", "night").exit_code == Exit.USAGE
    assert run("results", "--batch", "night", "--output", "file").exit_code == Exit.USAGE


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("retry", "--batch", "ended", "--failed"), "no job of these has failed"),
        (("cancel", "--batch", "ended"), "no job of these is unfinished"),
    ],
)
def test_where_a_batch_has_nothing_to_do_that_is_told(
    run: Run, job_store: Store, words: tuple[str, ...], told: str
) -> None:
    job = made(job_store, batch="ended")
    assert job_store.move(job, JobState.ACCEPTED, JobState.CANCELLED)
    result = run(*words)
    assert result.exit_code == 0
    assert told in result.stderr
