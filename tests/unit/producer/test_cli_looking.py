"""ls, show, pending, events: what there is."""

from __future__ import annotations

import json

import pytest

from common.connection import Client
from common.states import JobState
from common.store import Store
from producer.cli.output import PAGE, emit_all, fit
from tests.jobs_made import MovableClock, in_state, made, new_job
from tests.unit.producer.conftest import Run, loaded


def test_ls_of_a_thousand_jobs_takes_two_round_trips(run: Run, redis: Client, job_store: Store) -> None:
    for _ in range(1000):
        made(job_store)
    redis.trips = 0
    jobs = loaded(run("ls", "-o", "json"))
    assert len(jobs) == 1000
    assert redis.trips == 2


def test_ls_in_json_is_every_job_the_oldest_first(run: Run, job_store: Store) -> None:
    ids = [made(job_store) for _ in range(60)]
    jobs = loaded(run("ls", "-o", "json"))
    assert {job["job"] for job in jobs} == set(ids)
    assert [job["job"] for job in jobs] == job_store.ids()
    assert {"name", "state", "waiting", "platform", "deployment", "error", "created_at"} <= set(jobs[0])


def test_a_table_shows_fifty_and_says_how_many_more(run: Run, job_store: Store) -> None:
    for _ in range(60):
        made(job_store)
    result = run("ls")
    assert len(result.stdout.splitlines()) == 51
    assert "and 10 older" in result.stderr
    assert result.stdout.splitlines()[1].startswith(job_store.ids()[-1])


def test_a_limit_takes_the_newest(run: Run, job_store: Store) -> None:
    for _ in range(5):
        made(job_store)
    assert [job["job"] for job in loaded(run("ls", "--limit", "2", "-o", "json"))] == job_store.ids()[-2:]


def test_ls_can_be_of_one_state(run: Run, job_store: Store) -> None:
    trained = in_state(job_store, JobState.TRAINED)
    made(job_store)
    assert [job["job"] for job in loaded(run("ls", "--state", "trained", "-o", "json"))] == [trained]


def test_ls_of_nothing_is_an_empty_array_or_a_word(run: Run) -> None:
    assert loaded(run("ls", "-o", "json")) == []
    assert run("ls").stdout == ""
    assert "no jobs yet" in run("ls").stderr


def test_odd_text_from_outside_cannot_draw_on_the_screen(run: Run, job_store: Store) -> None:
    made(job_store, record={"name": "\x1b[31mred\u202e[bold]"})
    result = run("ls")
    assert result.exit_code == 0
    assert "\\x1b[31mred\\u202e[bold]" in result.stdout
    assert loaded(run("ls", "-o", "json"))[0]["name"].startswith("\x1b[31mred")


def test_show_takes_the_beginning_of_an_id(run: Run, job_store: Store) -> None:
    job_id = in_state(job_store, JobState.TRAINING, run_id="ft-1", status="running")
    shown = loaded(run("show", job_id[:6], "-o", "json"))
    assert (shown["job"], shown["platform"]["run_id"]) == (job_id, "ft-1")
    assert shown["spec"]["finetune"]["model"] == "acme/base"


def test_the_page_of_one_job_has_its_facts(run: Run, job_store: Store) -> None:
    job_id = in_state(job_store, JobState.FAILED, error={"stage": "upload", "code": "x", "message": "no disk"})
    words = run("show", job_id).stdout
    for fact in (job_id, "failed", "no disk", "acme/base", "data > [file] > train"):
        assert fact in words


def test_pending_gives_the_exact_command(run: Run, job_store: Store) -> None:
    waiting = in_state(job_store, JobState.TRAINED, output_name="acme/tuned")
    named = in_state(job_store, JobState.TRAINED)
    job_store.register(named, "acme/endpoint")
    (one,) = loaded(run("pending", "-o", "json"))
    assert set(one) == {"job", "name", "model", "since", "waiting", "command"}
    assert (one["job"], one["model"]) == (waiting, "acme/tuned")
    assert one["command"] == f"hintrelay deploy {waiting} NAME"
    words = run("pending").stdout
    assert words.count(one["command"]) == 1
    assert "acme/tuned" in words
    assert f"{waiting}  demo  waits for a deployment name since " in words


def test_nothing_pending_is_said(run: Run) -> None:
    assert "no job waits for a person" in run("pending").stderr


def test_events_are_the_jobs_own(run: Run, job_store: Store) -> None:
    job_id = in_state(job_store, JobState.UPLOADED)
    made(job_store)
    events = loaded(run("events", job_id, "-o", "json"))
    assert [event["type"] for event in events] == ["job_accepted", "data_prepared", "file_uploaded"]
    assert (events[1]["from"], events[1]["to"], events[1]["job"]) == ("accepted", "prepared", job_id)
    assert "accepted -> prepared" in run("events", job_id).stdout


def test_following_ends_with_the_job(run: Run, job_store: Store) -> None:
    job_id = in_state(job_store, JobState.SUCCEEDED)
    assert loaded(run("events", job_id, "-f", "-o", "json"))[-1]["to"] == "succeeded"
    lines = run("events", job_id, "-f", "-o", "jsonl").stdout.splitlines()
    assert json.loads(lines[-1])["to"] == "succeeded"
    assert "job_succeeded" in run("events", job_id, "-f").stdout


def test_a_cancelled_job_shows_how_far_it_came(run: Run, job_store: Store) -> None:
    error = {"stage": "cancel", "message": "cancelled"}
    job_id = in_state(job_store, JobState.CANCELLED, error=error, run_id="ft-1")
    assert "data > file > [train] > deploy" in run("show", job_id).stdout


@pytest.mark.parametrize("room", [60, 70, 80, 120])
def test_on_a_narrow_terminal_ids_and_states_stay_whole(room: int) -> None:
    heads = ["JOB", "NAME", "WAY", "STATE", "AGE", "WAITING"]
    row = ["7f3a0c21", "sample-lr5e-05-and-more", "######", "succeeded", "12 minutes", "waits " * 20]
    widths = fit(list(zip(heads, row, strict=True)), room, ("AGE", "WAY"))
    assert (widths["JOB"], widths["STATE"]) == (8, 9)
    assert sum(width + 2 for width in widths.values()) - 2 <= room
    assert ("AGE" in widths) <= ("WAY" in widths)
    assert widths["WAITING"] >= 20


@pytest.mark.parametrize("output", ["json", "jsonl"])
def test_many_jobs_are_written_page_by_page_and_are_one_document(run: Run, job_store: Store, output: str) -> None:
    ids = [one.job_id for one in job_store.create([new_job() for _ in range(PAGE + 3)])]
    text = run("ls", "-o", output).stdout
    jobs = json.loads(text) if output == "json" else [json.loads(line) for line in text.splitlines()]
    assert [job["job"] for job in jobs] == ids


def test_what_orjson_will_not_take_is_written_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    odd = [{"number": 10**30}] * PAGE
    emit_all(odd, "json")
    assert json.loads(capsys.readouterr().out) == odd


def test_ends_are_listed_in_the_order_in_which_they_came(run: Run, redis: Client, clock: MovableClock) -> None:
    store = Store(redis, url="redis://fake", actor="tester", clock=clock)
    older, younger = made(store), made(store)
    for job_id in (younger, older):
        clock.forward(1000)
        assert store.move(job_id, JobState.ACCEPTED, JobState.CANCELLED)
    assert [job["job"] for job in loaded(run("ls", "--state", "cancelled", "-o", "json"))] == [younger, older]
