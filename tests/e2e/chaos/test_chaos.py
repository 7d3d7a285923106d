"""Whatever dies: each job ends as it should, and each paid thing exists once. A longer run: make chaos SEED=n."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.chaos.harness import WORKERS, Chaos

pytestmark = [pytest.mark.xdist_group("chaos"), pytest.mark.timeout(400)]

SEED = int(os.environ.get("SEED") or 20261122)
LONG = os.environ.get("CHAOS") == "long"


@pytest.fixture
def chaos(tmp_path: Path) -> Iterator[Chaos]:
    chaos = Chaos(tmp_path, SEED)
    try:
        chaos.start()
        yield chaos
    finally:
        print(f"seed {SEED}, kills: {dict(chaos.kills)}")
        chaos.stack.stop()


def test_everything_is_killed_at_random_and_every_job_ends_with_one_run(chaos: Chaos) -> None:
    jobs = chaos.submit(50 if LONG else 20)
    chaos.rage(60 if LONG else 15, (*WORKERS, *WORKERS, "beat", "sandbox", "valkey"))
    chaos.settle(240)
    chaos.check(jobs)


def test_paid_answers_cut_after_they_took_effect_cost_no_second_run(chaos: Chaos) -> None:
    faults = [
        {"method": "POST", "path": "/fine-tunes", "times": 10, "action": {"reset": "after"}},
        {"method": "POST", "path": "/fine-tunes", "times": 3, "action": {"status": 503}},
        {
            "method": "POST",
            "path": "/fine-tunes",
            "times": 3,
            "action": {"status": 429, "headers": {"Retry-After": "1"}},
        },
        {"method": "GET", "path": "/fine-tunes", "times": 5, "action": {"status": 500}},
    ]
    chaos.stack.sandbox("POST", "faults", faults)
    jobs = chaos.submit(40 if LONG else 20)
    chaos.rage(25 if LONG else 10, WORKERS, (1.5, 2.5))
    chaos.settle(240)
    chaos.check(jobs)
