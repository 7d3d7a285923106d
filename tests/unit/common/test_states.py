"""States and moves are one closed table, and docs/states.md draws exactly it."""

import re
from pathlib import Path

import pytest

from common.errors import IllegalMove
from common.events import OTHER, TYPES
from common.keys import QUEUE_HINTS, QUEUE_PLATFORM
from common.pipeline import CANCEL, STAGES, rest, starts_from
from common.states import FINISHED, MOVES, ROAD, UNFINISHED, JobState, event_of, reached

DOC = (Path(__file__).parents[3] / "docs" / "states.md").read_text("utf-8")


def test_every_state_can_be_reached_and_only_succeeded_and_cancelled_are_final() -> None:
    assert {target for _, target in MOVES} == set(JobState) - {JobState.ACCEPTED} | {JobState.ACCEPTED}
    assert set(JobState) - {origin for origin, _ in MOVES} == {JobState.SUCCEEDED, JobState.CANCELLED}
    assert set(UNFINISHED) | FINISHED == set(JobState)


def test_from_every_unfinished_state_a_job_can_fail_be_cancelled_and_go_one_step_on() -> None:
    for state in UNFINISHED:
        targets = {target for origin, target in MOVES if origin is state}
        assert targets == {JobState.FAILED, JobState.CANCELLED, ROAD[ROAD.index(state) + 1]}


def test_a_failed_job_can_be_taken_up_again_in_any_unfinished_state() -> None:
    assert {target for origin, target in MOVES if origin is JobState.FAILED} == set(UNFINISHED)


def test_a_move_that_is_not_in_the_table_is_illegal() -> None:
    for origin in JobState:
        for target in set(JobState) - {to for here, to in MOVES if here is origin}:
            with pytest.raises(IllegalMove, match=f"no move from {origin} to {target}"):
                event_of(origin, target)


def test_every_move_has_an_event_and_every_event_a_name_of_its_own() -> None:
    assert set(MOVES.values()).isdisjoint(OTHER)
    assert len(set(TYPES)) == len(TYPES) == len(set(MOVES.values())) + len(OTHER)


@pytest.mark.parametrize(
    ("state", "goal", "so_far"),
    [("accepted", "accepted", True), ("trained", "training", True), ("training", "trained", False),
     ("failed", "accepted", False), ("accepted", "failed", False), ("succeeded", "generated", True)],
)  # fmt: skip
def test_how_far_a_job_has_come(state: str, goal: str, so_far: bool) -> None:
    assert reached(JobState(state), JobState(goal)) is so_far


def test_the_diagram_draws_exactly_the_moves() -> None:
    diagram = DOC.partition("```mermaid")[2].partition("```")[0]
    arrows = re.findall(r"^\s*(\w+) --> (\w+): (\w+)$", diagram, re.MULTILINE)
    assert len(arrows) == len(MOVES)
    assert {(JobState(origin), JobState(to)): event for origin, to, event in arrows} == MOVES
    assert re.findall(r"\[\*\] --> (\w+)", diagram) == ["accepted"]
    assert set(re.findall(r"(\w+) --> \[\*\]", diagram)) == {"succeeded", "cancelled"}


def test_the_table_of_states_names_each_with_its_stage_and_queue() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", DOC, re.MULTILINE)
    assert [row[0] for row in rows] == [str(state) for state in JobState]
    for name, _, stage, queue in rows:
        step = STAGES.get(JobState(name))
        assert (stage, queue) == ((f"`{step.name}`", f"`{step.queue}`") if step else (stage, "-"))
        assert step or not stage.startswith("`")


@pytest.mark.parametrize(
    ("state", "chain"),
    [
        ("accepted", ["prepare", "upload", "finetune"]),
        ("prepared", ["upload", "finetune"]),
        ("uploaded", ["finetune"]),
        ("training", []),
        ("trained", ["deploy", "generate", "evaluate"]),
        ("deployed", ["generate", "evaluate"]),
        ("generated", ["evaluate"]),
        ("succeeded", []),
        ("failed", []),
        ("cancelled", []),
    ],
)
def test_the_rest_of_a_chain_ends_where_the_job_waits(state: str, chain: list[str]) -> None:
    assert [step.name for step in rest(JobState(state))] == chain


def test_a_stage_knows_its_state_queue_and_task() -> None:
    assert starts_from("generate") is JobState.DEPLOYED
    assert starts_from("cancel") is None
    assert (CANCEL.task, CANCEL.queue) == ("hintrelay.cancel", QUEUE_PLATFORM)
    assert {step.queue for step in STAGES.values()} == {QUEUE_PLATFORM, QUEUE_HINTS}
