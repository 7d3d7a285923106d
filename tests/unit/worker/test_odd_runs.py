"""What a platform's list may say of a run: whatever it is, the tick goes on, and `ls` can show the job."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from common.states import JobState
from common.waiting import waiting
from tests.fakes.parts import make_job
from worker.adapters.together_runs import mark_of, run_from
from worker.ports import RunStatus

ODD: list[dict[str, Any]] = [
    {"events": 5},
    {"events": ["a", None, {"type": 3, "message": 4}]},
    {"progress": {"estimate_available": True, "seconds_remaining": 1e300}},
    {"progress": {"estimate_available": True, "seconds_remaining": -1}},
    {"progress": [1], "epochs_completed": "two", "queue_depth": {}},
    {"status": {"word": "running"}, "suffix": 7, "created_at": None},
    {"total_price": -5},
]


@pytest.mark.parametrize("told", ODD)
def test_an_odd_run_is_read_as_far_as_it_can_be(told: dict[str, Any]) -> None:
    run = run_from({"id": "ft-1", "status": "running", **told})
    assert (run.id, run.status, run.price) == ("ft-1", RunStatus.ACTIVE, None)
    assert mark_of(told) == mark_of(dict(told))
    job = make_job(JobState.TRAINING, run_id=run.id, status=run.word, progress=run.progress)
    assert waiting(replace(job, deadline=1_800_000_000_000), now_ms=0)
