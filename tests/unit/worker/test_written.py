"""Results are written piece by piece, as they would be at once; their stages leave no local copies."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import orjson
import pytest

from common import artifacts, json_reader
from common.errors import Permanent
from common.states import JobState
from tests.fakes.parts import FakeDesk, FakeHintModel, FakeScorer, make_job, make_ports, make_spec
from tests.unit.worker.test_other_stages import advanced, pointer
from tests.unit.worker.test_scoring import ready_to_evaluate
from worker import statistics
from worker.evaluation import Score
from worker.numbers import Numbers
from worker.ports import Ports
from worker.scoring import CHUNK
from worker.stages.evaluate import evaluate
from worker.statistics import paired, summary
from worker.written import Instances, dataset, gathered

ODD: dict[str, Any] = {"é": "ü\n\u2028", "empty": [{}, []], "n": None, "deep": [{"a": [1.5, {"b": "  }"}]}]}


def instance(number: int, hints: int = 3) -> dict[str, Any]:
    made: list[dict[str, Any]] = [
        {"hint": f"hint {n} on {number}", "metrics": {}, "metadata": {}, **ODD} for n in range(hints)
    ]
    return {"question": {"question": f"What is {number}?"}, "answers": [{"answer": "x"}], "hints": made, "metadata": {}}


def gather(path: Path, instances: dict[str, Any], name: str = "test") -> Path:
    with path.open("wb") as file, gathered(file, name) as take:
        for row_id, one in instances.items():
            take({row_id: one})
    return path


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_data_set_in_pieces_is_what_it_is_at_once(tmp_path: Path, count: int) -> None:
    instances = {f"q\u00e9{number}": instance(number) for number in range(count)}
    head = {"name": "n", "metadata": {"hintrelay": ODD}}
    subset = {"name": 'a "name"', "metadata": {}, "instances": instances}
    path = gather(tmp_path / "one", instances)
    pieces = dataset(head, {'a "name"': Instances(path), "other": Instances(path)})
    whole = {**head, "subsets": {'a "name"': subset, "other": {**subset, "name": "other"}}}
    assert b"".join(pieces) == json.dumps(whole, indent=1).encode("ascii")


def test_a_subset_is_gathered_in_pieces_and_read_where_it_stands_in_a_file(tmp_path: Path) -> None:
    instances = {f"q{number}": instance(number) for number in range(3)}
    file = io.BytesIO()
    with gathered(file, "test") as take:
        take(dict(list(instances.items())[:2]))
        take({})
        take(dict(list(instances.items())[2:]))
    assert file.getvalue() == orjson.dumps({"name": "test", "metadata": {}, "instances": instances})
    (tmp_path / "within").write_bytes(b'{"subset":' + file.getvalue() + b',"values":{"instances":{"no":1}}}')
    found = Instances(tmp_path / "within", "subset")
    assert dict(found) == dict(found) == instances, "as often as it is gone through"


def test_numbers_are_what_was_put_in_and_nothing_else_is_made_of_them() -> None:
    values: list[list[float | None]] = [[1.5, None], [], [None], [0.0, 2.25, -3.0]]
    numbers = Numbers(values)
    assert list(numbers) == list(numbers) == values
    assert len(numbers) == 4
    assert summary(numbers, seed=1) == summary(values, seed=1)
    assert paired(numbers, values, 1, seed=1) == paired(values, values, 1, seed=1)


class Unlike(FakeScorer):
    """Another value for each hint; none for some."""

    def score(self, metric: Any, items: Any, sentence_model: str) -> list[list[Score]]:
        found = super().score(metric, items, sentence_model)
        return [
            [
                Score(one.name, None, "odd") if hint.endswith("7") else one
                for one, hint in zip(row, item.hints, strict=True)
            ]
            for row, item in zip(found, items, strict=True)
        ]


def generated(ports: Ports, folder: Path, count: int) -> FakeDesk:
    path = gather(folder / "hints", {f"q{number}": instance(number) for number in range(count)})
    hints = ports.artifacts.put_file(path).dump()
    spec = make_spec(evaluate__metrics=["rouge1", "rougeL", "answer_leakage"])
    return FakeDesk(make_job(JobState.GENERATED, spec, hints=hints, questions=hints, deployment="acme/x"))


@pytest.mark.parametrize("count", [CHUNK - 1, CHUNK, 2 * CHUNK + 3])
def test_each_hint_has_its_own_score_across_chunks(tmp_path: Path, count: int) -> None:
    ports = make_ports(tmp_path, scorer=Unlike())
    desk = generated(ports, tmp_path, count)
    facts = advanced(evaluate(desk.job, ports, desk)).facts
    data = ports.artifacts.get(pointer(facts["results"]))
    document = json.loads(data)
    assert data == json.dumps(document, indent=1).encode("ascii")
    hints = [hint for one in document["subsets"]["test"]["instances"].values() for hint in one["hints"]]
    assert len(hints) == 3 * count
    for hint in hints:
        if hint["hint"].endswith("7"):
            assert set(hint["metadata"]["hintrelay"]["unscored"]) == {"rouge1", "rougeL", "answer_leakage"}
        else:
            assert hint["metrics"]["fake-rouge1"]["value"] == len(hint["hint"])
    scored = [len(hint["hint"]) for hint in hints if not hint["hint"].endswith("7")]
    assert facts["scores"]["rouge1"]["n"] == len(scored)
    assert facts["scores"]["rouge1"]["mean"] == pytest.approx(sum(scored) / len(scored))


def test_evaluation_holds_the_numbers_and_not_the_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_reader, "CHUNK", 1 << 14)
    monkeypatch.setattr(artifacts, "CHUNK", 1 << 14)
    monkeypatch.setattr(statistics, "AT_ONCE", 1_000)
    monkeypatch.setattr(statistics, "RESAMPLES", 20)

    def peak(count: int) -> int:
        folder = tmp_path / str(count)
        folder.mkdir()
        ports = make_ports(folder)
        desk = generated(ports, folder, count)
        tracemalloc.start()
        try:
            advanced(evaluate(desk.job, ports, desk))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(CHUNK)  # what is imported and cached once
    more = peak(700) - peak(200)
    assert more / 500 < 500, (
        "bytes a question: three metrics of three hints are 27 each, and 4 sums; its texts are 2,000"
    )


@pytest.mark.parametrize("fails", [False, True])
def test_no_stage_leaves_a_local_copy(tmp_path: Path, fails: bool) -> None:
    model = FakeHintModel()
    ports = make_ports(tmp_path, model=model)
    desk = ready_to_evaluate(ports, evaluate__baseline=True, evaluate__metrics=["rouge1"])
    if fails:
        model.faults["What is test1?"] = Permanent("the machine burns")
        with pytest.raises(Permanent):
            evaluate(desk.job, ports, desk)
    else:
        advanced(evaluate(desk.job, ports, desk))
    assert list((tmp_path / "scratch").iterdir()) == []
