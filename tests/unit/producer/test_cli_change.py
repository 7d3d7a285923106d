"""deploy, cancel, retry, results: what people do to jobs that exist."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.changes import WOKEN
from common.claims import Refusal
from common.states import JobState
from common.store import Store
from producer.cli.context import Tools
from tests.invariants import assert_invariants
from tests.jobs_made import RecordingNudger, in_state, made
from tests.unit.producer.conftest import CountingRedis, Run, error_of, loaded


def test_deploy_registers_a_name_early_late_and_twice(run: Run, job_store: Store) -> None:
    for job_id in (made(job_store), in_state(job_store, JobState.TRAINED)):
        assert loaded(run("deploy", job_id, "acme/x", "-o", "json"))["deployment"] == "acme/x"
        assert run("deploy", job_id[:7], "acme/x").exit_code == 0


def test_a_name_that_is_none_exits_4(run: Run, job_store: Store) -> None:
    result = run("deploy", made(job_store), "no spaces", "-o", "json")
    assert (result.exit_code, error_of(result)["code"]) == (4, "invalid_name")


def test_a_job_that_ended_takes_no_name(run: Run, job_store: Store) -> None:
    assert run("deploy", in_state(job_store, JobState.CANCELLED), "acme/x").exit_code == 7


def test_cancel_of_one_is_an_array_too(run: Run, job_store: Store) -> None:
    (job,) = loaded(run("cancel", made(job_store), "-o", "json"))
    assert job["state"] == "cancelled"


def test_cancel_all_means_what_has_not_ended(run: Run, job_store: Store, nudger: RecordingNudger) -> None:
    waiting, training = made(job_store), in_state(job_store, JobState.TRAINING, run_id="ft-1")
    ended = in_state(job_store, JobState.FAILED)
    jobs = loaded(run("cancel", "all", "-o", "json"))
    assert {job["job"] for job in jobs} == {waiting, training}
    assert job_store.get(ended).state is JobState.FAILED
    assert (training, ["cancel"]) in nudger.sent


@pytest.mark.parametrize(("command", "at_most"), [("cancel", 15), ("retry", 17)])
def test_all_takes_few_round_trips_however_many_jobs(
    run: Run, job_store: Store, redis: CountingRedis, nudger: RecordingNudger, command: str, at_most: int
) -> None:
    """Found by use: 1,500 jobs took 6,000 of them."""
    ids = [made(job_store, batch="night") for _ in range(450)]
    if command == "retry":
        for job_id in ids:
            job_store.move(job_id, JobState.ACCEPTED, JobState.FAILED, {"error": {"code": "x"}})
    redis.trips = 0
    jobs = loaded(run(command, "--batch", "night", "-o", "json"))
    assert [job["job"] for job in jobs] == ids
    assert {job["state"] for job in jobs} == {"cancelled" if command == "cancel" else "accepted"}
    assert redis.trips <= at_most
    assert len(nudger.sent) == (0 if command == "cancel" else WOKEN), "those that stand in line need no message each"
    assert_invariants(job_store)


def test_all_of_nothing_is_fine(run: Run) -> None:
    assert loaded(run("cancel", "all", "-o", "json")) == []
    assert run("retry", "all").exit_code == 0


def test_every_one_is_tried_and_the_first_error_gives_the_code(run: Run, job_store: Store) -> None:
    good, ended = made(job_store), in_state(job_store, JobState.SUCCEEDED)
    result = run("cancel", ended, "ffff-none", good, "-o", "json")
    assert result.exit_code == 7
    done, first, second = json.loads(result.stdout)
    assert (done["job"], done["state"]) == (good, "cancelled")
    assert (first["job"], first["error"]["code"]) == (ended, "conflict")
    assert (second["job"], second["error"]["code"]) == ("ffff-none", "not_found")


def test_the_errors_of_several_are_told_one_by_one(run: Run, job_store: Store) -> None:
    result = run("cancel", "ffff-none", made(job_store), "eeee-none")
    assert result.exit_code == 6
    assert result.stderr.count("there is no job") == 2


def test_retry_all_means_what_failed(run: Run, job_store: Store) -> None:
    failed = in_state(job_store, JobState.FAILED, resume="prepared")
    made(job_store)
    (job,) = loaded(run("retry", "all", "-o", "json"))
    assert (job["job"], job["state"]) == (failed, "prepared")


def test_retry_of_a_job_that_did_not_fail_is_a_conflict(run: Run, job_store: Store) -> None:
    result = run("retry", made(job_store), "-o", "json")
    assert (result.exit_code, error_of(result)["code"]) == (7, "conflict")


def test_no_results_yet_says_what_is_waited_for(run: Run, job_store: Store) -> None:
    result = run("results", made(job_store), "-o", "json")
    assert result.exit_code == 7
    assert "waits for a worker of the queue hints" in error_of(result)["message"]


def with_results(job_store: Store, tools: Tools, body: bytes) -> str:
    pointer = tools.artifacts.put(body)
    scores = {"rouge1": {"mean": 0.25, "n": 4}, "answer_leakage": {"mean": None, "n": 0}}
    return in_state(job_store, JobState.SUCCEEDED, results=pointer.dump(), scores=scores)


def test_results_are_the_bytes_as_they_were_stored(run: Run, job_store: Store, tools: Tools) -> None:
    job_id = with_results(job_store, tools, b'{"subsets": {}}')
    result = run("results", job_id)
    assert json.loads(result.stdout) == {"subsets": {}}
    assert "0.2500" in result.stderr


def test_results_go_to_a_file_whole(run: Run, job_store: Store, tools: Tools, tmp_path: Path) -> None:
    job_id = with_results(job_store, tools, b'{"subsets": {}}')
    assert run("results", job_id, "--output", "out.json").stdout == ""
    assert (tmp_path / "out.json").read_bytes() == b'{"subsets": {}}'
    assert not list(tmp_path.glob(".out*"))


def test_a_file_that_cannot_be_written_is_a_usage_error(run: Run, job_store: Store, tools: Tools) -> None:
    result = run("results", with_results(job_store, tools, b"{}"), "--output", "no/such/folder.json")
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


def test_results_in_another_artifact_store_are_told(run: Run, job_store: Store, tools: Tools) -> None:
    job_id = in_state(job_store, JobState.SUCCEEDED, results={"sha256": "ab" * 32, "size": 3})
    result = run("results", job_id, "-o", "json")
    assert (result.exit_code, error_of(result)["code"]) == (8, "no_artifact")


def test_results_in_jsonl_are_one_line(run: Run, job_store: Store, tools: Tools) -> None:
    job_id = with_results(job_store, tools, b'{\n "a": "\\ud800"\n}')
    (line,) = run("results", job_id, "-o", "jsonl").stdout.splitlines()
    assert json.loads(line) == {"a": "\ud800"}


def test_where_a_job_stands_is_a_clause(run: Run, job_store: Store) -> None:
    result = run("results", in_state(job_store, JobState.CANCELLED, error={"message": "cancelled"}))
    assert "no results yet: it is cancelled\n" in result.stderr
    job_id = in_state(job_store, JobState.GENERATED)
    assert not isinstance(job_store.claim(job_id, "evaluate", None, 30_000), Refusal)
    assert "no results yet: evaluate is at work on" in run("results", job_id).stderr
