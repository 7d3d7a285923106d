"""An account that is busy costs no job an attempt, and ends none: only its deadline does."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import Busy
from common.states import JobState
from common.waiting import waiting
from tests.fakes.relay import Relay
from worker.adapters.chat_pace import at_pace
from worker.pacing import Unpaced
from worker.ports import InDoubt


def test_a_busy_platform_spends_no_attempt_however_often_it_refuses(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    relay.platform.faults = [Busy("the platform answered 429", after_s=30.0) for _ in range(20)]
    job_id = relay.submit(limits__max_attempts=2)
    relay.drive()
    job = relay.get(job_id)
    assert (job.state, job.attempt) == (JobState.UPLOADED, 1)
    assert waiting(job, relay.clock.ms()) == "finetune waits: the platform answered 429"
    for _ in range(20):
        relay.round(40)
    assert relay.get(job_id).state is JobState.TRAINING
    assert "attempt_failed" not in relay.types(job_id)


def test_a_paid_call_that_the_platform_had_no_room_for_spends_no_attempt_and_is_looked_for_first(
    tmp_path: Path,
) -> None:
    """Found by review: 503 with Retry-After, as Together answers when capacity is short, failed a sweep in minutes."""
    relay = Relay(tmp_path)
    relay.platform.faults = [InDoubt("the platform answered 503", after_s=7.0) for _ in range(6)]
    job_id = relay.submit(limits__max_attempts=2)
    relay.drive()
    job = relay.get(job_id)
    words = "finetune waits: the platform answered 503; a run is looked for before it is asked again"
    assert (job.attempt, waiting(job, relay.clock.ms())) == (1, words)
    for _ in range(60):
        relay.round(10)
    assert relay.get(job_id).state is JobState.TRAINING
    assert "attempt_failed" not in relay.types(job_id)
    assert relay.platform.calls.count("start_run") == 7
    assert len(relay.platform.kept()) == 1


def test_the_deadline_ends_a_job_that_the_platform_never_takes(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    relay.platform.faults = [Busy("the platform answered 429", after_s=600.0) for _ in range(100)]
    job_id = relay.submit(limits__deadline="1h")
    relay.drive()
    for _ in range(10):
        relay.round(700)
    error = relay.get(job_id).error
    assert error is not None
    assert error["code"] == "deadline"


def test_a_chat_request_that_is_refused_is_asked_again_within_its_patience() -> None:
    refusals = [Busy("too many"), Busy("too many")]

    def call() -> str:
        if refusals:
            raise refusals.pop()
        return "a hint"

    assert at_pace(Unpaced(), call) == "a hint"


def test_patience_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.adapters.chat_pace.PATIENCE_S", 0.0)

    def call() -> str:
        raise Busy("too many")

    with pytest.raises(Busy):
        at_pace(Unpaced(), call)
