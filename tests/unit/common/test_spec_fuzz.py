"""Whatever comes in at the door: jobs, or InvalidSpec with one printable sentence; nothing else."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from common.errors import InvalidSpec
from common.matrix import expand
from common.spec import DatasetSpec, EvaluateSpec, FinetuneSpec, GenerateSpec, JobSpec, LimitsSpec
from common.spec_files import loads
from tests.jobs_made import document

PARTS: dict[str, type[BaseModel]] = {
    "dataset": DatasetSpec,
    "finetune": FinetuneSpec,
    "generate": GenerateSpec,
    "evaluate": EvaluateSpec,
    "limits": LimitsSpec,
}
NAMES = [*JobSpec.model_fields, "matrix", *(name for part in PARTS.values() for name in part.model_fields)]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.builds(lambda: 16**5000)
KEYS = st.sampled_from(NAMES) | st.text(st.characters(), max_size=8) | st.just("\ud800") | st.integers() | st.none()
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
PATHS = st.sampled_from([f"{part}.{name}" for part, model in PARTS.items() for name in model.model_fields]) | KEYS
FUZZ = settings(max_examples=100, deadline=None, derandomize=True)


def expanded(data: object) -> list[JobSpec]:
    """Its jobs, [] where it is refused; anything else is a bug."""
    specs: list[JobSpec] = []
    refused = ""
    try:
        specs = expand(data)
    except InvalidSpec as exc:
        refused = exc.message
    assert specs or refused
    assert refused.isprintable()
    assert len(refused) < 5000
    for spec in specs:
        assert JobSpec.model_validate(json.loads(json.dumps(spec.dump()))) == spec
    return specs


def refusal(text: str, *, as_json: bool = False) -> str:
    """Why a text is no document; '' where it is one."""
    try:
        loads(text, "f", as_json=as_json)
    except InvalidSpec as exc:
        return exc.message
    return ""


@FUZZ
@given(ANYTHING)
def test_any_document_is_jobs_or_invalid(data: object) -> None:
    expanded(data)


@FUZZ
@given(st.dictionaries(KEYS, ANYTHING, max_size=4))
def test_a_good_document_with_anything_laid_over_it_is_jobs_or_invalid(changes: dict[Any, Any]) -> None:
    expanded({**document(), **changes})


@FUZZ
@given(st.sampled_from(sorted(PARTS)), st.data())
def test_a_good_document_with_one_value_changed_is_one_job_or_invalid(part: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(PARTS[part].model_fields)))
    assert len(expanded(document(**{part: {name: data.draw(ANYTHING)}}))) <= 1


@FUZZ
@given(st.dictionaries(PATHS, st.lists(LEAVES, max_size=3), max_size=3))
def test_any_matrix_is_jobs_or_invalid(matrix: dict[Any, Any]) -> None:
    expanded({**document(), "matrix": matrix})


@FUZZ
@given(st.text(max_size=60) | st.text("[]{}:,-&*!?|>'\"%@#<= \nabc019.", max_size=60), st.booleans())
def test_any_text_is_a_document_or_invalid(text: str, as_json: bool) -> None:
    assert refusal(text, as_json=as_json)[:6] in {"", "f: is "}


@FUZZ
@given(
    st.sampled_from(["int", "float", "bool", "null", "timestamp", "binary", "set", "omap", "pairs", "map", "seq"]),
    st.sampled_from(["''", "x", "[a]", "{a: b}", "-", "0x", "1:", "2001-01-01"]),
)
def test_any_tag_on_any_value_is_a_document_or_invalid(tag: str, value: str) -> None:
    assert refusal(f"a: !!{tag} {value}")[:14] in {"", "f: is not YAML"}
