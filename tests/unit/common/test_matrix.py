"""The matrix: one job for each combination."""

import copy
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InvalidSpec
from common.matrix import MAX_JOBS, expand, fill, put
from common.spec import JobSpec
from tests.jobs_made import document


def fault(data: object) -> str:
    with pytest.raises(InvalidSpec) as caught:
        expand(data)
    return caught.value.message


def test_a_document_without_a_matrix_is_one_job() -> None:
    assert len(expand({**document(), "matrix": {}})) == 1
    assert len(expand({**document(), "matrix": None})) == 1
    assert len(expand(document())) == 1


def test_the_last_key_turns_fastest_and_each_name_is_filled_from_its_own_job() -> None:
    axes = {"finetune.learning_rate": [1e-5, 5e-5], "finetune.n_epochs": [1, 2]}
    specs = expand({**document(name="e{finetune.n_epochs}-{finetune.learning_rate}"), "matrix": axes})
    assert [spec.name for spec in specs] == ["e1-1e-05", "e2-1e-05", "e1-5e-05", "e2-5e-05"]
    assert [spec.finetune.n_epochs for spec in specs] == [1, 2, 1, 2]


def test_the_document_is_left_as_it_was() -> None:
    data = {**document(generate={}), "matrix": {"generate.top_p": [0.5, 0.9], "limits.deadline": ["1h"]}}
    before = repr(data)
    expand(data)
    assert repr(data) == before


def test_a_part_that_is_not_in_the_document_can_be_varied() -> None:
    assert [s.generate.top_p for s in expand({**document(), "matrix": {"generate.top_p": [0.5, 0.9]}})] == [0.5, 0.9]


AXES = {
    "dataset.seed": st.integers(0, 3),
    "dataset.source": st.sampled_from(["a.json", "b/c.json"]),
    "dataset.gates": st.sampled_from([{}, {"overlap": "drop"}]),
    "finetune.learning_rate": st.sampled_from([1e-5, 0.5]),
    "finetune.lora": st.sampled_from([None, True]),
    "evaluate.metrics": st.sampled_from([["rouge1"], ["rougeL", "bert_score"][:1], []]),
    "limits.max_cost_usd": st.sampled_from([1, 2.5, None]),
    "priority": st.sampled_from(["high", "normal"]),
    "deploy": st.sampled_from([{"mode": "auto", "max_minutes": 5}, {}]),
    "name": st.sampled_from(["plain", "{dataset.seed}-{finetune.learning_rate}"]),
}


@given(st.lists(st.sampled_from(list(AXES)), min_size=1, max_size=3, unique=True).flatmap(
    lambda paths: st.fixed_dictionaries({path: st.lists(AXES[path], min_size=1, max_size=3) for path in paths})
))  # fmt: skip
def test_each_job_is_what_a_document_of_its_own_would_make(matrix: dict[str, list[Any]]) -> None:
    base = document(name="n{finetune.n_epochs}-{dataset}")
    singles = []
    for values in itertools.product(*matrix.values()):
        single = copy.deepcopy(base)
        for path, value in zip(matrix, values, strict=True):
            put(single, path, copy.deepcopy(value))
        singles.append(JobSpec.parse(single))
    made = expand({**base, "matrix": matrix})
    assert made == singles
    assert [repr(one) for one in made] == [repr(one) for one in singles]


def test_a_spec_asks_nothing_across_its_sections() -> None:
    """Else sections that a matrix varies must not be checked apart from each other."""
    asked = JobSpec.__pydantic_decorators__
    assert not asked.model_validators
    assert not asked.root_validators
    assert set(asked.field_validators) | set(asked.validators) == set()


def test_of_several_sections_each_is_checked_once_for_its_values() -> None:
    specs = expand(
        {**document(), "matrix": {"finetune.n_epochs": [1, 2], "dataset.seed": [5, 6, 7], "limits.deadline": ["1h"]}}
    )
    assert [(one.finetune.n_epochs, one.dataset.seed) for one in specs] == [(e, s) for e in (1, 2) for s in (5, 6, 7)]
    assert specs[2].dataset is specs[5].dataset
    assert specs[4].finetune is specs[5].finetune


def test_a_fault_late_in_the_matrix_is_told_with_its_combination() -> None:
    axes = {"dataset.seed": [1, 2, -1], "deploy.mode": ["auto", "manual"], "deploy.max_minutes": [5]}
    assert fault({**document(), "matrix": axes}) == (
        "deploy: max_minutes goes with mode: auto, but mode is manual "
        "[in the matrix at dataset.seed=1, deploy.mode='manual', deploy.max_minutes=5]"
    )
    axes = {"evaluate.judge": [{"model": "m"}, None]}
    assert fault({**document(name="{evaluate.judge.model}"), "matrix": axes}).startswith(
        "name: {evaluate.judge.model} names no key of the spec [in the matrix at evaluate.judge="
    )


@pytest.mark.parametrize(
    ("matrix", "sentence"),
    [
        ([], "matrix: must map keys such as finetune.learning_rate to lists of values"),
        ({"version": [1]}, "matrix.version: cannot be varied; name a key such as finetune.learning_rate"),
        ({"matrix.x": [1]}, "matrix.matrix.x: cannot be varied"),
        ({3: [1]}, "matrix.3: cannot be varied"),
        ({"a\nb": 1}, r"matrix.'a\nb': must be a list"),
        ({"finetune.n_epochs": []}, "matrix.finetune.n_epochs: must be a list with at least one value"),
        ({"finetune.n_epochs": 3}, "matrix.finetune.n_epochs: must be a list with at least one value"),
        ({"finetune.model.x": [1]}, "matrix: finetune.model.x: model is a value, not a mapping of keys"),
        ({"a": list(range(400)), "b": list(range(400))}, f"matrix: makes 160000 jobs; at most {MAX_JOBS} are allowed"),
        ({"": [1]}, "'': unknown key"),
        ({"finetune..x": [1]}, "finetune.'': unknown key"),
        (
            {"finetune.n_epochs": [1, 0]},
            "finetune.n_epochs: should be greater than or equal to 1, not 0 [in the matrix at finetune.n_epochs=0]",
        ),
    ],
)
def test_a_matrix_that_is_not_allowed_gets_one_sentence(matrix: object, sentence: str) -> None:
    assert fault({**document(), "matrix": matrix}).startswith(sentence)


def test_a_huge_value_does_not_make_a_huge_sentence() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    assert len(fault({**document(), "matrix": {"name": [deep], "x": [16**5000]}})) < 500
    assert len(fault({**document(), "x": deep, "matrix": {"name": ["a"]}})) < 500


def test_put_makes_the_mappings_on_the_way_and_replaces_what_is_there() -> None:
    data: dict[str, Any] = {"a": {"b": 1}}
    put(data, "a.b", 2)
    put(data, "c.d.e", [3])
    assert data == {"a": {"b": 2}, "c": {"d": {"e": [3]}}}
    with pytest.raises(InvalidSpec, match=r"--set: a\.b\.c: b is a value"):
        put(data, "a.b.c", 1)


def test_fill_leaves_braces_that_are_no_holes() -> None:
    assert fill("{} {1} {a b} {a.b}", {"a": {"b": 5}}) == "{} {1} {a b} 5"
