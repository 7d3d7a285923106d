"""The base model on the same questions: asked once for all jobs, whoever crashes, and compared question by question."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import Permanent, Transient
from common.outcomes import Snooze
from common.spec import GenerateSpec
from tests.fakes.endpoints import FakeEndpoints
from tests.fakes.parts import FakeDesk, FakeHintModel, FakeJudge, make_ports, make_spec
from tests.unit.worker.test_other_stages import advanced, pointer, prepared
from tests.unit.worker.test_scoring import ready_to_evaluate
from worker.ports import Answer, Ports
from worker.readiness import unavailable
from worker.serving import Standing
from worker.stages.evaluate import evaluate

BASE = "meta-llama/Meta-Llama-3-8B-Instruct"


class TwoModels(FakeHintModel):
    """The tuned model's hints are longer by `gain` characters; `gone` names answer no more."""

    def __init__(self, gone: str = "") -> None:
        super().__init__()
        self.gone = gone
        self.names: list[str] = []

    def ask(self, model: str, question: str, answer: str, wanted: GenerateSpec) -> Answer:
        if model == self.gone:
            raise Permanent(f"{model} answered 404: no such model", code="deployment_unknown")
        given = super().ask(model, question, answer, wanted)
        self.names.append(model)
        return given if model == "acme/x" else Answer(tuple(hint[:-1] for hint in given.hints))


def compared(ports: Ports, **changes: Any) -> FakeDesk:
    return ready_to_evaluate(ports, evaluate__baseline=True, evaluate__metrics=["rouge1", "answer_leakage"], **changes)


def test_the_base_model_is_asked_the_same_and_compared_question_by_question(tmp_path: Path) -> None:
    model = TwoModels()
    ports = make_ports(tmp_path, model=model)
    desk = compared(ports)
    facts = advanced(evaluate(desk.job, ports, desk)).facts
    more, less = facts["comparison"]["rouge1"], facts["comparison"]["answer_leakage"]
    assert (more["n"], more["better"], more["same"], more["worse"], more["difference"]) == (3, 3, 0, 0, 1.0)
    assert (less["better"], less["worse"]) == (0, 3)  # less leakage is better
    assert (more["low"], more["high"], more["base"]) == (1.0, 1.0, facts["scores"]["rouge1"]["mean"] - 1)
    assert facts["baseline"] == BASE
    document = json.loads(ports.artifacts.get(pointer(facts["results"])))
    assert list(document["subsets"]) == ["test", "test-baseline"]
    assert document["subsets"]["test-baseline"]["name"] == "test-baseline"
    assert document["metadata"]["hintrelay"]["comparison"] == facts["comparison"]


def test_jobs_that_share_questions_and_parameters_ask_the_base_model_once(tmp_path: Path) -> None:
    model, judge = TwoModels(), FakeJudge()
    ports = make_ports(tmp_path, model=model, judge=judge)
    changes: dict[str, Any] = {"evaluate__judge": {"model": "judge"}}
    desk = ready_to_evaluate(ports, evaluate__baseline=True, evaluate__metrics=["relevance.llm"], **changes)
    evaluate(desk.job, ports, desk)
    other = ready_to_evaluate(ports, evaluate__baseline=True, evaluate__metrics=["relevance.llm"], **changes)
    other.shelves = desk.shelves
    facts = advanced(evaluate(other.job, ports, other)).facts
    assert model.names.count(BASE) == 3
    assert len(judge.asked) == 6 * 3  # both jobs' hints, and the base model's once
    assert facts["comparison"]["relevance.llm"]["same"] == 3


@pytest.mark.parametrize("change", [{"generate__temperature": 0.2}, {"evaluate__baseline_name": "acme/base"}])
def test_other_parameters_or_another_name_are_another_baseline(tmp_path: Path, change: dict[str, Any]) -> None:
    model = TwoModels()
    ports = make_ports(tmp_path, model=model)
    desk = compared(ports)
    evaluate(desk.job, ports, desk)
    other = compared(ports, **change)
    other.shelves = desk.shelves
    evaluate(other.job, ports, other)
    assert len([name for name in model.names if name != "acme/x"]) == 6


def test_while_another_job_asks_the_base_model_this_one_waits_in_due(tmp_path: Path) -> None:
    model = TwoModels()
    ports = make_ports(tmp_path, model=model)
    desk = compared(ports)
    desk.others_at_work = True
    assert isinstance(evaluate(desk.job, ports, desk), Snooze)
    assert BASE not in model.names


def test_what_the_base_model_said_before_a_crash_is_not_asked_again_by_whoever_goes_on(tmp_path: Path) -> None:
    model = TwoModels()
    ports = make_ports(tmp_path, model=model)
    desk = compared(ports, generate__batch_size=1)
    model.faults["What is test2?"] = Permanent("the machine burns")
    with pytest.raises(Permanent):
        evaluate(desk.job, ports, desk)
    other = compared(ports, generate__batch_size=1)
    other.shelves = desk.shelves
    advanced(evaluate(other.job, ports, other))
    assert model.names.count(BASE) == 3


def test_a_base_model_that_pauses_is_waited_for(tmp_path: Path) -> None:
    model = TwoModels()
    ports = make_ports(tmp_path, model=model)
    desk = compared(ports, generate__batch_size=1)
    model.faults["What is test1?"] = Transient("429", after_s=3)
    assert isinstance(evaluate(desk.job, ports, desk), Snooze)
    assert advanced(evaluate(desk.job, ports, desk)).facts["comparison"]["rouge1"]["n"] == 3


def test_a_shared_file_that_is_lost_is_made_again(tmp_path: Path) -> None:
    model = TwoModels()
    ports = make_ports(tmp_path, model=model)
    desk = compared(ports)
    evaluate(desk.job, ports, desk)
    for name, shelf in desk.shelves.items():
        if name.startswith("made:"):
            lost = json.loads(shelf["artifact"])["sha256"]
            (tmp_path / lost[:2] / lost).unlink()
    assert advanced(evaluate(desk.job, ports, desk)).facts["comparison"]["rouge1"]["n"] == 3
    assert model.names.count(BASE) == 6


def test_pieces_that_became_a_file_are_kept_no_longer(tmp_path: Path) -> None:
    ports = make_ports(tmp_path, model=TwoModels())
    desk = compared(ports)
    evaluate(desk.job, ports, desk)
    assert all(name.startswith("made:") for name in desk.shelves)


def test_a_base_model_that_does_not_answer_costs_the_comparison_and_no_more(tmp_path: Path) -> None:
    ports = make_ports(tmp_path, model=TwoModels(gone=BASE))
    desk = compared(ports)
    facts = advanced(evaluate(desk.job, ports, desk)).facts
    assert facts["unavailable"] == {"baseline": f"{BASE} answered 404: no such model"}
    assert facts["scores"]["rouge1"]["n"] == 6
    assert "comparison" not in facts


def test_that_the_base_model_does_not_answer_is_told_while_nothing_is_paid(tmp_path: Path) -> None:
    _, outcome = prepared(make_ports(tmp_path, judge=FakeJudge(unknown=True)), evaluate__baseline=True)
    assert outcome.facts["unavailable"] == {"baseline": f"{BASE} answered 404: no such model"}


def test_a_base_model_that_answers_nowhere_gets_an_endpoint_where_the_tuned_one_does(tmp_path: Path) -> None:
    model, endpoints = TwoModels(), FakeEndpoints(deaf={BASE})
    ports = make_ports(tmp_path, model=model, endpoints=endpoints)
    desk = compared(ports, deploy__mode="auto")
    waits = evaluate(desk.job, ports, desk)
    assert isinstance(waits, Snooze)
    assert waits.reason == "the base model: its endpoint waits for room"
    assert desk.asked_for == [(BASE, True)]
    desk.standing = Standing("hr-b", "it answers", "acme/hr-b", "ep-b")
    facts = advanced(evaluate(desk.job, ports, desk)).facts
    assert set(model.names) - {"acme/x"} == {"acme/hr-b"}
    assert (facts["baseline"], facts["comparison"]["rouge1"]["n"]) == (BASE, 3)
    assert desk.left == [BASE]


def test_what_cannot_be_deployed_costs_the_comparison_and_not_the_job(tmp_path: Path) -> None:
    ports = make_ports(tmp_path, model=TwoModels(), endpoints=FakeEndpoints(deaf={BASE}))
    desk = compared(ports, deploy__mode="auto")
    desk.standing = Standing("hr-b", "refused", fault=Permanent("no config serves it", code="not_servable"))
    facts = advanced(evaluate(desk.job, ports, desk)).facts
    assert facts["unavailable"]["baseline"] == "no config serves it"


def test_a_base_model_that_an_endpoint_can_serve_is_not_missing(tmp_path: Path) -> None:
    endpoints, judge = FakeEndpoints(deaf={BASE}), FakeJudge(unknown=True)
    ports = make_ports(tmp_path, endpoints=endpoints, judge=judge)
    auto = make_spec(evaluate__baseline=True, deploy__mode="auto")
    assert "baseline" not in unavailable(auto, ports)
    assert "baseline" in unavailable(make_spec(evaluate__baseline=True), ports)
    endpoints.offered.clear()
    assert unavailable(auto, ports)["baseline"] == f"the platform has no config that serves {BASE}"
