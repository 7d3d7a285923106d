"""What a submit works out for specs that share much is what each of them alone would give."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from common.matrix import expand
from common.spec import ADDED, JobSpec
from common.spec_dump import SpecDumper
from tests.jobs_made import document

AXES = {
    "name": ["", "plain", "ä\\"],
    "priority": ["normal", "high"],
    "fresh": [True, False],
    "dataset": [{"source": "a.json"}, {"source": "ü.json", "gates": {"overlap": "drop"}}],
    "dataset.seed": [0, 1, 1234],
    "dataset.test_limit": [None, 1],
    "finetune.learning_rate": [1e-5, 1, 0.1],
    "finetune.batch_size": ["max", 16],
    "finetune.lora": [None, True, False],
    "deploy": [{}, {"mode": "auto", "max_minutes": 5}, {"mode": "detect"}],
    "evaluate.metrics": [["rouge1"], ["rougeL", "rouge1"], []],
    "evaluate.judge": [None, {"model": "judge"}],
    "limits.max_cost_usd": [None, 1, 2.5],
}
MATRICES = st.lists(st.sampled_from(list(AXES)), min_size=1, max_size=4, unique=True).flatmap(
    lambda paths: st.permutations(paths).map(lambda paths: {path: AXES[path] for path in paths})
)


def plainly(spec: JobSpec, data_sha256: str) -> str:
    """A digest as it is defined: of the spec's JSON, without keys that came later and were not given."""
    shown = spec.dump()
    for section, *rest in ADDED:
        part: Any = getattr(spec, section) if rest else spec
        key = rest[0] if rest else section
        if getattr(part, key) == type(part).model_fields[key].get_default(call_default_factory=True):
            del (shown[section] if rest else shown)[key]
    if data_sha256:
        shown["dataset"]["source"] = f"sha256:{data_sha256}"
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:32]


@given(MATRICES, st.sampled_from(["", "ab" * 32]))
def test_specs_of_a_matrix_are_dumped_and_told_apart_as_each_alone(matrix: dict[str, list[Any]], sha: str) -> None:
    dumper = SpecDumper()
    for spec in expand({**document(), "matrix": matrix}):
        assert dumper.digest(spec, sha or None) == plainly(spec, sha)
        assert json.dumps(dumper.dump(spec)) == json.dumps(spec.dump())
