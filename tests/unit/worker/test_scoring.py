"""Scores over fakes: what a judge's garbage, faults and crashes leave of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import Permanent, Transient
from common.outcomes import Reject, Snooze
from common.states import JobState
from tests.fakes.parts import FakeDesk, FakeJudge, FakeScorer, make_job, make_ports
from tests.unit.worker.test_other_stages import advanced, pointer, prepared, ready_to_generate
from worker.ports import Ports
from worker.stages.evaluate import evaluate
from worker.stages.generate import generate
from worker.stages.prepare import prepare

JUDGE = {"evaluate__judge": {"model": "judge", "batch_size": 2}}


def ready_to_evaluate(ports: Ports, **changes: Any) -> FakeDesk:
    desk = ready_to_generate(ports, **changes)
    outcome = advanced(generate(desk.job, ports, desk))
    facts = {"hints": outcome.facts["hints"], "questions": desk.job.facts["questions"], "deployment": "acme/x"}
    return FakeDesk(make_job(JobState.GENERATED, desk.job.spec, **facts))


def hints_of(ports: Ports, facts: dict[str, Any]) -> list[dict[str, Any]]:
    document = json.loads(ports.artifacts.get(pointer(facts["results"])))
    return [hint for one in document["subsets"]["test"]["instances"].values() for hint in one["hints"]]


def test_a_judge_that_answers_garbage_to_one_in_five_leaves_four_in_five_scored(tmp_path: Path) -> None:
    garbage = [f"hint {n} on What is test{q}?" for q in range(3) for n in (1,)]
    ports = make_ports(tmp_path, judge=FakeJudge(garbage))
    desk = ready_to_evaluate(ports, evaluate__metrics=["relevance.llm"], generate__num_of_hints=5, **JUDGE)
    facts = advanced(evaluate(desk.job, ports, desk)).facts
    seen = facts["scores"]["relevance.llm"]
    assert (seen["mean"], seen["n"], seen["unscored"]) == (0.5, 12, 3)
    for hint in hints_of(ports, facts):
        if hint["hint"] in garbage:
            assert hint["metadata"]["hintrelay"]["unscored"] == {"relevance.llm": f"garbage on {hint['hint']}"}
            assert hint["metrics"] == {}
        else:
            assert hint["metrics"]["fake-relevance.llm-judge"]["value"] == 0.5
            assert hint["metrics"]["fake-relevance.llm-judge"]["name"] == "relevance"


def test_what_the_judge_said_before_a_crash_is_not_asked_again(tmp_path: Path) -> None:
    judge = FakeJudge()
    ports = make_ports(tmp_path, judge=judge)
    desk = ready_to_evaluate(ports, evaluate__metrics=["relevance.llm"], **JUDGE)
    judge.faults["hint 2 on What is test2?"] = Permanent("the machine burns")
    with pytest.raises(Permanent):
        evaluate(desk.job, ports, desk)
    evaluate(desk.job, ports, desk)
    assert sorted(judge.asked) == sorted(
        [f"hint {n} on What is test{q}?" for q in range(3) for n in (1, 2)] + ["hint 2 on What is test2?"]
    )


def test_a_judge_that_is_busy_after_some_answers_is_waited_for_and_costs_no_attempt(tmp_path: Path) -> None:
    judge = FakeJudge()
    ports = make_ports(tmp_path, judge=judge)
    desk = ready_to_evaluate(ports, evaluate__metrics=["relevance.llm"], **JUDGE)
    judge.faults["hint 2 on What is test2?"] = Transient("429", after_s=7)
    outcome = evaluate(desk.job, ports, desk)
    assert isinstance(outcome, Snooze)
    assert outcome.seconds >= 7
    assert advanced(evaluate(desk.job, ports, desk)).facts["scores"]["relevance.llm"]["n"] == 6


def test_candidate_answers_are_asked_for_once_for_all_jobs(tmp_path: Path) -> None:
    judge = FakeJudge()
    ports = make_ports(tmp_path, judge=judge)
    desk = ready_to_evaluate(ports, evaluate__metrics=["convergence.llm"], **JUDGE)
    evaluate(desk.job, ports, desk)
    other = ready_to_evaluate(ports, evaluate__metrics=["convergence.llm"], **JUDGE)
    other.shelves = desk.shelves
    evaluate(other.job, ports, other)
    assert [text for text in judge.asked if text == "What is test1?"] == ["What is test1?"]
    assert len([text for text in judge.asked if text.startswith("hint 1 on")]) == 6


def test_a_question_without_candidates_leaves_its_hints_unscored_and_no_others(tmp_path: Path) -> None:
    judge = FakeJudge(["What is test1?"])
    ports = make_ports(tmp_path, judge=judge)
    desk = ready_to_evaluate(ports, evaluate__metrics=["convergence.llm"], **JUDGE)
    facts = advanced(evaluate(desk.job, ports, desk)).facts
    assert (facts["scores"]["convergence.llm"]["n"], facts["scores"]["convergence.llm"]["unscored"]) == (4, 2)
    assert "hint 1 on What is test1?" not in judge.asked


def test_a_metric_that_cannot_be_taken_is_told_while_nothing_is_paid_and_is_no_zero(tmp_path: Path) -> None:
    metrics = ["rouge1", "familiarity.wikipedia"]
    ports = make_ports(tmp_path, scorer=FakeScorer(**{"familiarity.wikipedia": "no network"}))
    _, outcome = prepared(ports, evaluate__metrics=metrics)
    assert outcome.facts["unavailable"] == {"familiarity.wikipedia": "no network"}
    desk = ready_to_evaluate(ports, evaluate__metrics=metrics)
    scores = advanced(evaluate(desk.job, ports, desk)).facts["scores"]
    assert scores["familiarity.wikipedia"] == {"mean": None, "n": 0, "unavailable": "no network"}
    assert scores["rouge1"]["n"] == 6


def test_a_spec_that_wants_all_or_nothing_ends_before_it_costs_anything(tmp_path: Path) -> None:
    ports = make_ports(tmp_path, judge=FakeJudge(unknown=True))
    job, _ = prepared(make_ports(tmp_path), evaluate__metrics=["relevance.llm"], evaluate__unavailable="block", **JUDGE)
    outcome = prepare(job, ports, FakeDesk(job))
    assert isinstance(outcome, Reject)
    assert outcome.code == "unavailable"
    assert "relevance.llm: the judge: judge answered 404: no such model" in outcome.reason


def test_a_judge_that_went_away_meanwhile_costs_only_what_it_judges(tmp_path: Path) -> None:
    judge = FakeJudge()
    ports = make_ports(tmp_path, judge=judge)
    desk = ready_to_evaluate(ports, evaluate__metrics=["relevance.llm", "rouge1"], **JUDGE)
    judge.unknown = True
    scores = advanced(evaluate(desk.job, ports, desk)).facts["scores"]
    assert scores["relevance.llm"]["unavailable"] == "judge answered 404: no such model"
    assert scores["rouge1"]["n"] == 6
