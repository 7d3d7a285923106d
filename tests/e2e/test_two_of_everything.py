"""Two beats, two ticks, two chains, a worker that hung and woke up, one that is told to stop: real processes."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.pipeline import rest
from common.sender import Sender
from common.states import JobState
from common.view import job_json
from tests.e2e.chaos.harness import Chaos
from tests.e2e.stack import eventually

pytestmark = [pytest.mark.xdist_group("two-of-everything"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def chaos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chaos]:
    """The sandbox, two workers and a beat, with short leases."""
    chaos = Chaos(tmp_path_factory.mktemp("two"), seed=1)
    try:
        for name in ("sandbox", "worker-1", "worker-2", "beat"):
            chaos.starts[name]()
        yield chaos
    finally:
        chaos.stack.stop()


@pytest.fixture(autouse=True)
def _no_faults(chaos: Chaos) -> Iterator[None]:
    yield
    chaos.stack.sandbox("DELETE", "faults")


def slow_chat(chaos: Chaos, seconds: float, times: int) -> None:
    wish = {"method": "POST", "path": "/chat/completions", "times": times, "action": {"delay": seconds}}
    chaos.stack.sandbox("POST", "faults", [wish])


def holder(chaos: Chaos, job_id: str, stage: str) -> str:
    """The name of the worker process that holds the job at `stage`, once one does."""
    producer = chaos.stack.producer()

    def look() -> str | None:
        job = producer.get(job_id)
        return job.owner if job.stage == stage and job.lease_until else None

    owner = eventually(look, f"{job_id} is at {stage}")
    pid = int(owner.rpartition(":")[2])
    for name in ("worker-1", "worker-2"):
        process = chaos.stack.processes[name]
        if pid == process.pid or parent_of(pid) == process.pid:
            return name
    raise AssertionError(f"nobody's: {owner}")


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_two_beats_make_one_tick_each_period_and_one_is_enough(chaos: Chaos) -> None:
    chaos.stack.start("beat", name="beat-2")
    (job,) = chaos.submit(1)
    chaos.stack.until(job, {"training"})
    began, before = time.monotonic(), chaos.stack.sandbox("GET", "counts").get("GET /fine-tunes", 0)
    chaos.stack.until(job, {"succeeded"})
    asked = chaos.stack.sandbox("GET", "counts")["GET /fine-tunes"] - before
    assert asked <= (time.monotonic() - began) / (0.9 * 0.4) + 2
    chaos.stack.kill("beat")
    (other,) = chaos.submit(1)
    chaos.stack.until(other, {"succeeded"})
    chaos.starts["beat"]()
    chaos.stack.kill("beat-2")


def test_chains_of_one_job_sent_many_times_at_once_start_one_run(chaos: Chaos) -> None:
    (job,) = chaos.submit(1)
    settings = chaos.stack.producer().settings
    Sender(settings).send_many([(job, rest(JobState.ACCEPTED))] * 20)
    chaos.stack.until(job, {"succeeded"})
    types = [event.type for event in chaos.stack.producer().events(job)]
    assert types.count("training_started") == types.count("hints_generated") == types.count("job_succeeded") == 1
    chaos.check_runs([job])


def test_a_worker_that_hung_past_its_lease_and_wakes_up_changes_nothing(chaos: Chaos) -> None:
    slow_chat(chaos, 2.0, times=3)
    (job,) = chaos.submit(1)
    name = holder(chaos, job, "generate")
    chaos.stack.kill(name, signal.SIGSTOP)
    ended = chaos.stack.until(job, {"succeeded"})
    chaos.stack.kill(name, signal.SIGCONT)
    (next_job,) = chaos.submit(1)
    chaos.stack.until(next_job, {"succeeded"})  # the woken one is of use again
    producer = chaos.stack.producer()
    assert job_json(producer.get(job)) == job_json(ended)
    assert [event.type for event in producer.events(job)].count("hints_generated") == 1


def test_a_worker_that_is_told_to_stop_gives_its_job_back_within_10_s(chaos: Chaos) -> None:
    slow_chat(chaos, 4.0, times=6)
    (job,) = chaos.submit(1)
    name = holder(chaos, job, "generate")
    process = chaos.stack.processes[name]
    owner = chaos.stack.producer().get(job).owner
    process.terminate()
    producer = chaos.stack.producer()

    def given_back() -> bool:
        now = producer.get(job)
        return not now.lease_until or now.owner != owner or now.finished

    eventually(given_back, "the job is given back", 10)
    process.wait(15)
    chaos.starts[name]()
    chaos.stack.until(job, {"succeeded"})
    kept = {event.type for event in producer.events(job)}
    assert "attempt_failed" not in kept
