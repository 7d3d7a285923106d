"""Answers into hints, and what is left of a chain."""

from __future__ import annotations

from typing import Any

import pytest

from common.states import JobState
from worker.parsing import parse_hints
from worker.runner import Ran, Then
from worker.tasks import chain_after


@pytest.mark.parametrize(
    ("text", "hints"),
    [
        ("1. one\n2. two", ["one", "two"]),
        ("1. one\n\n2. two\n\n3. three", ["one", "two", "three"]),
        ("1) one\n2) two", ["one", "two"]),
        ("Here are two hints:\n1. one\n2. two", ["one", "two"]),
        ("Sure! Here they are:\n\n1. one\n2. two\n\nI hope these help!", ["one", "two"]),
        ("**1.** one\n**2.** two", ["one", "two"]),
        ("Hint 1: one\nHint 2: two", ["one", "two"]),
        ("**Hint 1:** one\n**Hint 2:** two", ["one", "two"]),
        ("- one\n- two", ["one", "two"]),
        ("• one\n• two", ["one", "two"]),
        ("one\ntwo", ["one", "two"]),
        ("Hints:\none\ntwo", ["one", "two"]),
        ("1. one\n   goes on\n2. two", ["one goes on", "two"]),
        ("1969 was its year\n2017 came later", ["1969 was its year", "2017 came later"]),
        ("1. 1969 was its year\n2. It has 3.5 legs", ["1969 was its year", "It has 3.5 legs"]),
        ('1. "beta" said X\n2. "quoted"', ['"beta" said X', "quoted"]),
        ("\n".join(f"{n}. hint {n}" for n in range(1, 13)), [f"hint {n}" for n in range(1, 13)]),
        ("1. .NET is one\n2. ...and two", [".NET is one", "...and two"]),
        ("", []),
        (None, []),
        ("1.\n2. two", ["two"]),
    ],
)
def test_an_answer_becomes_its_hints(text: str | None, hints: list[str]) -> None:
    assert parse_hints(text) == hints


def chain(*stages: str) -> list[dict[str, Any]]:
    return [{"task": f"hintrelay.{stage}"} for stage in reversed(stages)]


def test_the_rest_of_a_chain_runs_on_after_a_stage() -> None:
    assert chain_after(chain("upload", "finetune"), Ran(Then.RUN_ON, JobState.PREPARED)) == chain("upload", "finetune")


def test_stages_that_the_worker_went_on_with_itself_leave_the_chain() -> None:
    assert chain_after(chain("upload", "finetune"), Ran(Then.RUN_ON, JobState.UPLOADED)) == chain("finetune")


def test_a_stage_that_finds_its_work_done_lets_the_chain_run_on() -> None:
    assert chain_after(chain("finetune"), Ran(Then.RUN_ON)) == chain("finetune")


def test_somebody_elses_lease_ends_this_copy_of_the_chain() -> None:
    assert chain_after(chain("finetune"), Ran(Then.END)) is None
