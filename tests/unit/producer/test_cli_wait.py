"""wait and watch: one rule for when waiting ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from common.connection import Client
from common.errors import Exit, Unreachable
from common.eventlog import EventLog
from common.events import Event
from common.job import LISTED, Job
from common.states import JobState
from common.store import Store
from producer.cli.context import Tools
from producer.cli.live import draw
from producer.cli.output import console
from producer.cli.rail import legs
from producer.cli.verdict import verdict
from tests.jobs_made import in_state, made
from tests.unit.producer.conftest import Run, Time

S = JobState


def move(store: Store, job_id: str, *road: JobState) -> Callable[[], object]:
    return lambda: [store.move(job_id, origin, target) for origin, target in pairwise(road)]


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([S.SUCCEEDED, S.SUCCEEDED], 0),
        ([S.SUCCEEDED, S.FAILED], 100),
        ([S.CANCELLED, S.FAILED], 100),
        ([S.CANCELLED, S.SUCCEEDED], 103),
        ([S.TRAINED, S.FAILED], 104),
    ],
)
def test_the_exit_code_says_how_it_ended(run: Run, job_store: Store, states: list[JobState], code: int) -> None:
    ids = [in_state(job_store, state) for state in states]
    result = run("wait", *ids, "-o", "json")
    assert result.exit_code == code
    assert [job["job"] for job in json.loads(result.stdout)] == ids


def test_waiting_ends_when_the_last_job_ends(run: Run, job_store: Store, time: Time) -> None:
    job_id = in_state(job_store, S.GENERATED)
    time.then = [lambda: None, move(job_store, job_id, S.GENERATED, S.SUCCEEDED)]
    assert run("wait", job_id).exit_code == 0
    assert time.now == 1.0


def test_who_waits_for_thousands_of_jobs_looks_seldom_and_leaves_in_time(
    run: Run, job_store: Store, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by use: waiting for 10,000 jobs took a third of a core, for hours."""
    many, looks = job_store.many, []

    def slow(ids: Iterable[str], fields: Sequence[str] = LISTED) -> list[Job]:
        time.now += 0.2
        looks.append(time.now)
        return many(ids, fields)

    monkeypatch.setattr(job_store, "many", slow)
    assert run("wait", made(job_store), "--timeout", "60s").exit_code == 101
    assert 10 < len(looks) < 20
    assert time.now < 61


def test_a_person_is_not_waited_for_without_a_timeout(run: Run, job_store: Store, time: Time) -> None:
    job_id = in_state(job_store, S.TRAINED)
    assert run("wait", job_id).exit_code == 104
    assert time.now == 0


def test_with_a_timeout_a_person_may_yet_come(run: Run, job_store: Store, time: Time) -> None:
    job_id = in_state(job_store, S.TRAINED)
    time.then = [move(job_store, job_id, S.TRAINED, S.DEPLOYED, S.GENERATED, S.SUCCEEDED)]
    assert run("wait", job_id, "--timeout", "1m").exit_code == 0


def test_at_the_timeout_104_means_that_only_people_can_move_on(run: Run, job_store: Store, time: Time) -> None:
    waiting, working = in_state(job_store, S.TRAINED), made(job_store)
    assert run("wait", waiting, "--timeout", "10s").exit_code == 104
    assert time.now == 10.0
    assert run("wait", waiting, working, "--timeout", "10s").exit_code == 101


def test_a_registered_name_is_no_longer_a_persons_turn(run: Run, job_store: Store) -> None:
    job_id = in_state(job_store, S.TRAINED)
    job_store.register(job_id, "acme/x")
    assert run("wait", job_id, "--timeout", "1s").exit_code == 101


def test_a_state_on_the_road_can_be_waited_for(run: Run, job_store: Store) -> None:
    assert run("wait", in_state(job_store, S.TRAINED), "--for", "trained").exit_code == 0
    assert run("wait", in_state(job_store, S.SUCCEEDED), "--for", "trained").exit_code == 0
    assert run("wait", in_state(job_store, S.FAILED), "--for", "trained").exit_code == 100
    assert run("wait", in_state(job_store, S.CANCELLED), "--for", "trained").exit_code == 103
    assert run("wait", in_state(job_store, S.TRAINED), "--for", "deployed").exit_code == 104


def test_an_end_can_be_waited_for(run: Run, job_store: Store) -> None:
    assert run("wait", in_state(job_store, S.CANCELLED), "--for", "cancelled").exit_code == 0
    assert run("wait", in_state(job_store, S.SUCCEEDED), "--for", "cancelled").exit_code == 100


def test_all_means_every_job(run: Run, job_store: Store) -> None:
    in_state(job_store, S.SUCCEEDED)
    in_state(job_store, S.CANCELLED)
    assert run("wait", "all").exit_code == 103


def test_all_of_nothing_has_succeeded(run: Run) -> None:
    assert run("wait", "all").exit_code == 0
    assert verdict([]) is Exit.DONE


def test_a_job_that_is_not_there_exits_6(run: Run) -> None:
    assert run("wait", "ffff-none").exit_code == 6


def test_a_duration_that_is_none_is_a_usage_error(run: Run, job_store: Store) -> None:
    assert run("wait", made(job_store), "--timeout", "soon").exit_code == 2


def test_one_look_is_one_round_trip(run: Run, redis: Client, job_store: Store, time: Time) -> None:
    ids = [made(job_store) for _ in range(50)]
    redis.trips = 0
    run("wait", "all", "--timeout", "1s")
    assert redis.trips == 1 + 3 + 1, ids  # which, three looks, and as they stand at the end


def away(store: Store, monkeypatch: pytest.MonkeyPatch, looks: int) -> None:
    """Redis is away for so many looks."""
    read, left = store.many, [looks]

    def many(*args: object, **more: object) -> object:
        left[0] -= 1
        if left[0] >= 0:
            raise Unreachable("Redis at redis://fake cannot be reached")
        return read(*args, **more)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(store, "many", many)


def test_redis_may_be_away_for_a_while(run: Run, job_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = in_state(job_store, S.SUCCEEDED)
    away(job_store, monkeypatch, 40)
    result = run("wait", job_id)
    assert result.exit_code == 0
    assert result.stderr.count("waiting for it to come back") == 1


def test_redis_that_stays_away_exits_8(run: Run, job_store: Store, time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = made(job_store)
    away(job_store, monkeypatch, 1000)
    assert run("wait", job_id).exit_code == 8
    assert 30 < time.now < 32


def test_ctrl_c_says_that_the_job_goes_on(run: Run, job_store: Store, tools: Tools) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    tools.sleep = interrupted
    result = run("wait", made(job_store))
    assert result.exit_code == 130
    assert "the job goes on" in result.stderr


class ScriptedLog(EventLog):
    """Does the next thing whenever news are waited for; gives what came of it."""

    def __init__(self, client: Client, steps: list[Callable[[], object]]) -> None:
        super().__init__(client)
        self._steps = steps

    def follow(self, after: str, *, block_ms: int = 0) -> Iterator[Event | None]:
        while True:
            self._steps.pop(0)()
            entries = self._client.xrange("hintrelay:events", min=f"({after}")
            for entry_id, fields in entries:
                after = entry_id
                yield Event.from_entry(entry_id, fields)
            yield None


def test_off_a_terminal_watch_prints_each_event(run: Run, job_store: Store, tools: Tools, redis: Client) -> None:
    job_id, other = in_state(job_store, S.TRAINED), made(job_store)
    job_store.register(job_id, "acme/x")
    steps = [
        move(job_store, job_id, S.TRAINED, S.DEPLOYED),
        move(job_store, other, S.ACCEPTED, S.PREPARED),
        move(job_store, job_id, S.DEPLOYED, S.GENERATED, S.SUCCEEDED),
    ]
    tools.producer.events_log = ScriptedLog(redis, steps)
    result = run("watch", job_id)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].startswith(f"{job_id}  demo  trained: ")
    assert [line.split("  ")[3] for line in result.stdout.splitlines()[1:]] == [
        "model_deployed",
        "hints_generated",
        "job_succeeded",
    ]


def test_watch_ends_when_only_people_can_move_on(run: Run, job_store: Store, tools: Tools, redis: Client) -> None:
    job_id = in_state(job_store, S.TRAINING)
    tools.producer.events_log = ScriptedLog(redis, [move(job_store, job_id, S.TRAINING, S.TRAINED)])
    result = run("watch")
    assert result.exit_code == 104
    assert "hintrelay pending says for what" in result.stderr


def test_watch_in_json_is_one_array_from_where_the_job_stands(
    run: Run, job_store: Store, tools: Tools, redis: Client
) -> None:
    job_id = in_state(job_store, S.GENERATED)
    tools.producer.events_log = ScriptedLog(redis, [move(job_store, job_id, S.GENERATED, S.FAILED)])
    result = run("watch", job_id, "-o", "json")
    assert result.exit_code == 100
    assert [event["to"] for event in json.loads(result.stdout)] == ["generated", "failed"]
    (line,) = run("watch", job_id, "-o", "jsonl").stdout.splitlines()
    assert json.loads(line)["to"] == "failed"


@pytest.mark.parametrize("width", [60, 80])
def test_the_live_view_keeps_ids_and_states_whole(job_store: Store, width: int) -> None:
    job = job_store.get(in_state(job_store, S.SUCCEEDED))
    out = console()
    with out.capture() as captured:
        out.print(draw([replace(job, name="n" * 50)], 20, width), width=width)
    (line,) = captured.get().splitlines()
    assert job.id in line
    assert "succeeded" in line


def test_watch_gives_up_at_the_timeout(run: Run, job_store: Store, tools: Tools, redis: Client, time: Time) -> None:
    tools.producer.events_log = ScriptedLog(redis, [lambda: time.sleep(1)] * 9)
    assert run("watch", made(job_store), "--timeout", "5s").exit_code == 101


def test_nothing_to_watch_is_said(run: Run, job_store: Store) -> None:
    in_state(job_store, S.SUCCEEDED)
    result = run("watch")
    assert (result.exit_code, result.stderr) == (0, "no job is on its way\n")


def test_the_live_view_has_a_line_a_job_and_never_more_than_the_screen(job_store: Store) -> None:
    jobs = [job_store.get(in_state(job_store, state)) for state in (S.SUCCEEDED, S.TRAINED, S.TRAINING, S.FAILED)]
    out = console()
    with out.capture() as captured:
        out.print(draw(jobs, 20), draw(jobs, 3), width=150)
    lines = captured.get().splitlines()
    assert len(lines) == 4 + 3
    assert f": hintrelay deploy {jobs[1].id} NAME" in lines[1]
    assert "and 2 more" in lines[-1]


def test_the_rail_shows_how_far_a_job_came(job_store: Store) -> None:
    training = job_store.get(in_state(job_store, S.TRAINING))
    failed = job_store.get(in_state(job_store, S.FAILED, error={"stage": "generate"}))
    assert legs(training) == ["done", "done", "now", "todo", "todo", "todo"]
    assert legs(failed) == ["done", "done", "done", "done", "bad", "todo"]
    assert legs(job_store.get(in_state(job_store, S.SUCCEEDED))) == ["done"] * 6
