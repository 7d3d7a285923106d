"""The tick over a real store and a fake platform."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import Transient
from common.keys import Keys
from common.states import JobState
from tests.fakes.relay import Relay
from worker.ports import RunStatus


@pytest.fixture
def relay(tmp_path: Path) -> Relay:
    return Relay(tmp_path)


def in_training(relay: Relay, **changes: object) -> tuple[str, str]:
    job_id = relay.submit(**changes)
    relay.drive()
    run_id = relay.get(job_id).run_id
    assert run_id is not None
    return job_id, run_id


def test_generation_is_triggered_when_the_name_comes_late(relay: Relay) -> None:
    job_id, run_id = in_training(relay)
    relay.platform.complete(run_id)
    relay.round()
    assert relay.get(job_id).state is JobState.TRAINED
    relay.commands.register_deployment(job_id, "acme/x")
    relay.round()
    assert relay.get(job_id).state is JobState.SUCCEEDED
    relay.check()


def test_generation_is_triggered_in_one_tick_when_the_name_came_early(relay: Relay) -> None:
    job_id, run_id = in_training(relay)
    relay.commands.register_deployment(job_id, "acme/x")
    relay.platform.complete(run_id)
    relay.round()
    assert relay.get(job_id).state is JobState.SUCCEEDED
    assert relay.types(job_id)[-5:] == [
        "deployment_registered",
        "model_trained",
        "model_deployed",
        "hints_generated",
        "job_succeeded",
    ]


def test_all_jobs_cost_one_list_call(relay: Relay) -> None:
    for _ in range(20):
        in_training(relay)
    relay.platform.calls.clear()
    relay.round()
    assert relay.platform.calls == ["runs"]


def test_a_tick_without_a_change_writes_nothing_to_jobs(relay: Relay) -> None:
    job_id, _ = in_training(relay)
    relay.round()
    before = relay.redis.hgetall(Keys.job(job_id))
    relay.round()
    assert relay.redis.hgetall(Keys.job(job_id)) == before


def test_no_job_in_training_costs_no_call(relay: Relay) -> None:
    relay.submit()
    relay.tick()
    assert relay.platform.calls == []


@pytest.mark.parametrize(
    ("status", "word", "code"),
    [
        (RunStatus.FAILED, "error", "run_failed"),
        (RunStatus.FAILED, "user_error", "run_failed"),
        (RunStatus.CANCELLED, "cancelled", "run_cancelled"),
    ],
)
def test_a_run_that_ends_badly_fails_the_job_in_the_platforms_words(
    relay: Relay, status: RunStatus, word: str, code: str
) -> None:
    job_id, run_id = in_training(relay)
    relay.platform.change(run_id, status, word, words="CUDA out of memory on node 3")
    relay.round()
    error = relay.get(job_id).error
    assert error is not None
    assert (error["code"], error["stage"]) == (code, "training")
    assert "CUDA out of memory on node 3" in error["message"]
    relay.check()


def test_retry_after_a_bad_run_pays_for_one_more(relay: Relay) -> None:
    job_id, run_id = in_training(relay)
    relay.platform.change(run_id, RunStatus.FAILED, "error", words="bad luck")
    relay.round()
    relay.commands.retry(job_id)
    relay.drive()
    assert relay.get(job_id).state is JobState.TRAINING
    assert relay.get(job_id).run_id != run_id
    assert len(relay.platform.run_by_id) == 2


def test_a_run_that_the_platform_restarted_is_followed_to_its_new_id(relay: Relay) -> None:
    job_id, run_id = in_training(relay)
    again = relay.platform.add_run(f"small-{job_id}")
    relay.platform.change(run_id, RunStatus.FAILED, "error", restarted_as=again)
    relay.round()
    assert relay.get(job_id).run_id == again
    relay.platform.complete(again)
    relay.round()
    assert relay.get(job_id).state is JobState.TRAINED
    assert "run_restarted" in relay.types(job_id)


def test_a_restarted_run_that_the_list_shows_first_is_not_taken_for_an_extra_one(relay: Relay) -> None:
    job_id, run_id = in_training(relay)
    again = relay.platform.add_run(f"small-{job_id}")
    relay.platform.change(run_id, RunStatus.FAILED, "error", restarted_as=again)
    relay.platform.run_by_id = dict(reversed(relay.platform.run_by_id.items()))
    relay.round()
    assert relay.platform.run_by_id[again].status is RunStatus.ACTIVE


def test_a_second_run_of_a_job_is_found_and_cancelled(relay: Relay) -> None:
    job_id, run_id = in_training(relay)
    extra = relay.platform.add_run(f"small-{job_id}")
    relay.round()
    assert relay.platform.kept() == [run_id]
    assert relay.platform.run_by_id[extra].status is RunStatus.CANCELLED
    assert "extra_run_cancelled" in relay.types(job_id)


def test_a_run_missing_from_the_list_is_asked_for_by_its_id(relay: Relay) -> None:
    job_id, run_id = in_training(relay)
    relay.platform.hidden = {run_id}
    relay.platform.complete(run_id)
    relay.round(70)
    assert relay.get(job_id).state is JobState.TRAINED


def test_a_run_that_the_platform_forgot_fails_the_job(relay: Relay) -> None:
    job_id, run_id = in_training(relay)
    del relay.platform.run_by_id[run_id]
    relay.round(70)
    assert relay.get(job_id).state is JobState.TRAINING  # it is young: the platform may be behind
    relay.round(130)
    relay.round(130)
    error = relay.get(job_id).error
    assert error is not None
    assert error["code"] == "run_gone"


def test_a_lost_message_costs_one_look(relay: Relay) -> None:
    relay.nudges.lose = True
    job_id = relay.submit()
    relay.nudges.lose = False
    relay.round(11)
    assert relay.get(job_id).state is JobState.TRAINING


def test_a_crashed_workers_job_is_taken_up_when_its_lease_is_over(relay: Relay) -> None:
    job_id = relay.submit()
    relay.nudges.sent.clear()
    relay.store.claim(job_id, "prepare", JobState.ACCEPTED, 30_000)
    relay.round(20)
    assert relay.get(job_id).state is JobState.ACCEPTED
    relay.round(15)
    relay.round(5)
    assert relay.get(job_id).state is JobState.TRAINING


def test_a_full_queue_gets_no_more_messages_and_loses_no_job(relay: Relay) -> None:
    relay.nudges.lose = relay.nudges.full = True
    job_id = relay.submit()
    relay.round(20)
    relay.nudges.lose = relay.nudges.full = False
    relay.round(40)
    assert relay.get(job_id).state is JobState.TRAINING


def test_while_the_platform_does_not_answer_jobs_wait(relay: Relay) -> None:
    job_id, run_id = in_training(relay)
    relay.platform.list_fault = Transient("503")
    relay.platform.complete(run_id)
    relay.round(70)
    assert relay.get(job_id).state is JobState.TRAINING
    relay.platform.list_fault = None
    relay.round()
    assert relay.get(job_id).state is JobState.TRAINED


def test_of_two_ticks_at_once_one_works(relay: Relay) -> None:
    assert relay.ticker.run()
    assert not relay.ticker.run()


def test_a_job_that_waits_for_a_person_is_not_looked_at_every_tick(relay: Relay) -> None:
    job_id, run_id = in_training(relay)
    relay.platform.complete(run_id)
    relay.round()
    score = relay.redis.zscore(Keys.due, job_id)
    assert score > relay.clock.ms() + 600_000


def test_a_run_that_its_job_adopts_while_the_tick_looks_is_not_taken_for_an_extra_one(relay: Relay) -> None:
    """Found by chaos: the map of runs was read before the move to training, the record after it."""
    _, run_id = in_training(relay)
    relay.redis.hdel(Keys.runs, run_id)
    relay.round()
    assert relay.platform.run_by_id[run_id].status is RunStatus.ACTIVE


SPOILED: dict[str, Callable[[Relay, str], object]] = {
    "newer": lambda relay, job_id: relay.redis.hset(Keys.job(job_id), "v", "99"),
    "no JSON": lambda relay, job_id: relay.redis.hset(Keys.job(job_id), mapping={"progress": "{", "spec": "{"}),
    "no spec": lambda relay, job_id: relay.redis.delete(*relay.redis.scan_iter(Keys.spec("*"))),
}


@pytest.mark.parametrize("how", SPOILED)
@pytest.mark.parametrize("named", [True, False])
def test_a_record_that_cannot_be_read_keeps_no_other_job_waiting(relay: Relay, how: str, named: bool) -> None:
    """Found by review: its run was taken for a stray, and every tick ended there."""
    job_id, run_id = in_training(relay)
    if not named:  # as of a run whose creation was in doubt
        relay.redis.hdel(Keys.runs, run_id)
    SPOILED[how](relay, job_id)
    other, other_run = in_training(relay, finetune__learning_rate=1e-4)
    relay.platform.complete(other_run)
    relay.store._bases.clear()  # as of a process that has just begun
    relay.round()
    assert relay.get(other).state is JobState.TRAINED
    relay.round(700)  # each job is looked at for itself
    assert relay.platform.run_by_id[run_id].status is RunStatus.ACTIVE


def test_runs_of_others_that_ended_cost_no_look_each(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by review: a worker that began looked at each run of a job that was forgotten, one after the other."""
    in_training(relay)
    for number in range(5):
        relay.platform.complete(relay.platform.add_run(f"small-{number:08x}"))
    asked = relay.redis.execute_command
    looks: list[str] = []

    def counted(*args: object, **options: object) -> object:
        if args[0] == "HGETALL":
            looks.append(str(args[1]))
        return asked(*args, **options)

    monkeypatch.setattr(relay.redis, "execute_command", counted)
    relay.tick()
    assert not [key for key in looks if key.startswith(Keys.job(""))]
