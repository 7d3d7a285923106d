"""One message keeps a worker at work: it takes whoever is next in line, and wakes others where it cannot go on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from common.claims import Take
from common.commands import Wanted
from common.flight import Flight
from common.job import Job
from common.keys import QUEUE_HINTS, QUEUE_PLATFORM, Keys
from common.outcomes import Advance, Outcome
from common.states import JobState
from tests.fakes.parts import make_spec
from tests.fakes.relay import LEASE_S, Relay
from worker.ports import Desk, Ports
from worker.runner import Ran, Runner, Then
from worker.stages import BY_NAME


def runner_of(relay: Relay, *queues: str) -> Runner:
    """A worker that serves only these queues."""
    return Runner(
        relay.store,
        relay.leases,
        relay.ports,
        BY_NAME,
        relay.stop,
        relay.nudges,
        queues=frozenset(queues),
        lease_s=LEASE_S,
    )


def batch(relay: Relay, count: int) -> list[str]:
    return [one.job_id for one in relay.commands.submit([Wanted(make_spec())] * count)]


def test_one_message_takes_every_job_that_stands_in_line(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    ids = batch(relay, 5)
    relay.runner.run(ids[3], "prepare")
    assert {relay.get(job_id).state for job_id in ids} == {JobState.TRAINING}
    relay.check()


def test_who_goes_on_elsewhere_wakes_a_worker_there(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    ids = batch(relay, 3)
    relay.nudges.sent.clear()
    ran = runner_of(relay, QUEUE_HINTS).run(ids[2], "prepare")
    assert ran == Ran(Then.RUN_ON, JobState.PREPARED, 3)  # the message's own chain runs on
    assert [(job, [step.name for step in steps]) for job, steps in relay.nudges.sent] == [
        (job, ["upload", "finetune"]) for job in ids[:2]
    ]
    runner_of(relay, QUEUE_PLATFORM).run(ids[0], "upload")
    assert {relay.get(job_id).state for job_id in ids} == {JobState.TRAINING}


def test_a_chain_that_does_not_go_on_from_where_its_job_is_wakes_a_worker_too(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    (job_id,) = batch(relay, 1)
    relay.nudges.sent.clear()
    runner_of(relay, QUEUE_HINTS).run(job_id, "prepare", {"hintrelay.finetune"})
    assert [job for job, _ in relay.nudges.sent] == [job_id]


def test_a_message_whose_job_is_not_next_wakes_for_the_others_too(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    first, _ = batch(relay, 2)
    relay.nudges.sent.clear()
    assert runner_of(relay, QUEUE_HINTS).run(first, "prepare").then is Then.END  # its rest was sent, it need not wait
    assert first in {job for job, _ in relay.nudges.sent}


def test_a_worker_that_stops_takes_nobody_and_leaves_a_nudge(tmp_path: Path) -> None:
    relay = Relay(tmp_path)

    def stopped(*_: object) -> Outcome:
        relay.stop.set()
        return Advance(JobState.PREPARED)

    relay = Relay(tmp_path, stages={**BY_NAME, "prepare": stopped})
    first, second = batch(relay, 2)
    relay.nudges.sent.clear()
    relay.runner.run(first, "prepare")
    assert (relay.get(first).state, relay.get(second).state) == (JobState.PREPARED, JobState.ACCEPTED)
    assert {job for job, _ in relay.nudges.sent} >= {second}
    relay.check()


def test_a_spell_that_is_over_gives_the_thread_back_and_leaves_a_nudge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.spells.SPELL_S", -1.0)
    relay = Relay(tmp_path)
    first, second = batch(relay, 2)
    relay.nudges.sent.clear()
    relay.runner.run(first, "prepare")
    assert (relay.get(first).state, relay.get(second).state) == (JobState.TRAINING, JobState.ACCEPTED)
    assert [(job, steps[0].name) for job, steps in relay.nudges.sent] == [(second, "prepare")]


def test_a_tick_wakes_workers_for_those_who_stand_in_line_once(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    ids = batch(relay, 3)
    relay.nudges.sent.clear()
    relay.tick()
    assert [job for job, _ in relay.nudges.sent] == ids
    relay.nudges.sent.clear()
    relay.nudges.waiting = 2
    relay.tick()
    assert len(relay.nudges.sent) == 1


def test_a_cancel_message_is_for_its_own_job(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    wished, other = batch(relay, 2)
    relay.store.wish(wished)
    relay.stop.set()  # it takes nobody else
    relay.runner.run(wished, "cancel")
    assert (relay.get(wished).state, relay.get(other).state) == (JobState.CANCELLED, JobState.ACCEPTED)


def test_stages_that_end_at_once_are_done_by_the_handful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.spells.QUICK_S", 10.0)
    relay = Relay(tmp_path)
    taken: list[int] = []
    send_take = relay.store.send_take

    def counted(flight: Flight, wanted: Take) -> None:
        taken.append(wanted.count)
        send_take(flight, wanted)

    monkeypatch.setattr(relay.store, "send_take", counted)
    ids = batch(relay, 20)
    relay.runner.run(ids[0], "prepare")
    assert {relay.get(job_id).state for job_id in ids} == {JobState.TRAINING}
    assert max(taken) > 1
    relay.check()


def test_where_a_stage_takes_its_time_one_job_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.spells.QUICK_S", 0.0)
    relay = Relay(tmp_path)
    standing: list[int] = []

    def looking(job: Job, ports: Ports, desk: Desk) -> Outcome:
        standing.append(len(relay.store.waiting(100)[QUEUE_HINTS]))
        return BY_NAME["prepare"](job, ports, desk)

    relay = Relay(tmp_path, stages={**BY_NAME, "prepare": looking})
    relay.runner.run(batch(relay, 5)[0], "prepare")
    assert standing == [4, 3, 2, 1, 0]


def test_one_lost_lease_of_a_handful_costs_the_others_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.spells.QUICK_S", 10.0)
    relay = Relay(tmp_path)
    robbed: list[str] = []

    def stolen(job: Job, ports: Ports, desk: Desk) -> Outcome:
        if len(relay.leases._held) > 2 and not robbed:
            robbed.append(job.id)
            relay.redis.hset(Keys.job(job.id), "lease", "somebody else's")
        return BY_NAME["upload"](job, ports, desk)

    relay = Relay(tmp_path, stages={**BY_NAME, "upload": stolen})
    ids = batch(relay, 12)
    relay.runner.run(ids[0], "prepare")
    assert [job_id for job_id in ids if relay.get(job_id).state is not JobState.TRAINING] == robbed
    assert len(robbed) == 1


def test_whom_a_busy_worker_does_not_come_to_goes_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.spells.QUICK_S", 10.0)
    monkeypatch.setattr("worker.leases.IDLE_S", 0.05)
    relay = Relay(tmp_path)
    ids: list[str] = []

    def given_back() -> list[str]:
        return [job_id for job_id in ids if relay.get(job_id).snooze == "its worker was busy with another job"]

    def slow(job: Job, ports: Ports, desk: Desk) -> Outcome:
        until = time.monotonic() + 20
        while len(relay.leases._held) > 2 and not given_back():  # others in hand wait for this one
            assert time.monotonic() < until
        return BY_NAME["prepare"](job, ports, desk)

    relay = Relay(tmp_path, stages={**BY_NAME, "prepare": slow})
    ids += batch(relay, 12)
    relay.nudges.sent.clear()
    relay.runner.run(ids[0], "prepare")
    back = given_back()
    assert back
    assert {relay.get(job_id).state for job_id in ids if job_id not in back} == {JobState.TRAINING}
    assert {(relay.get(job_id).attempt, relay.get(job_id).crashes) for job_id in back} == {(1, 0)}
    relay.check()
    monkeypatch.setattr("worker.leases.IDLE_S", 30.0)
    relay.round()
    assert {relay.get(job_id).state for job_id in ids} == {JobState.TRAINING}
