"""One spec document into its jobs: `matrix` expanded, names filled in."""

from __future__ import annotations

import itertools
import re
from typing import Any

from common.errors import InvalidSpec
from common.spec import JobSpec
from common.spec_errors import quoted, shown

MAX_JOBS = 100_000  #: of one document; more is a slip of the keyboard
_HOLE = re.compile(r"\{([A-Za-z_][\w.]*)\}")


def expand(document: object) -> list[JobSpec]:
    """The jobs of a document, in the order of its matrix (the last key turns fastest). Raises InvalidSpec."""
    if not isinstance(document, dict):
        raise InvalidSpec(f"a spec is a mapping of keys to values, not {type(document).__name__}")
    base = {key: value for key, value in document.items() if key != "matrix"}
    axes = _axes(document.get("matrix"))
    if not axes:
        return [JobSpec.parse(base)]
    specs = []
    for values in itertools.product(*axes.values()):
        combination = {key: dict(value) if isinstance(value, dict) else value for key, value in base.items()}
        for path, value in zip(axes, values, strict=True):
            put(combination, path, value, where="matrix")
        try:
            specs.append(JobSpec.parse(combination))
        except InvalidSpec as exc:
            at = ", ".join(f"{shown(path)}={quoted(value)}" for path, value in zip(axes, values, strict=True))
            raise InvalidSpec(f"{exc.message} [in the matrix at {at}]") from exc
    return specs


def _axes(matrix: object) -> dict[str, list[Any]]:
    if matrix is None:
        return {}
    if not isinstance(matrix, dict):
        raise InvalidSpec("matrix: must map keys such as finetune.learning_rate to lists of values")
    count = 1
    for path, values in matrix.items():
        if not isinstance(path, str) or path.split(".")[0] in {"version", "matrix"}:
            raise InvalidSpec(f"matrix.{shown(path)}: cannot be varied; name a key such as finetune.learning_rate")
        if not isinstance(values, list) or not values:
            raise InvalidSpec(f"matrix.{shown(path)}: must be a list with at least one value")
        count *= len(values)
    if count > MAX_JOBS:
        raise InvalidSpec(f"matrix: makes {count} jobs; at most {MAX_JOBS} are allowed in one spec")
    return matrix


def put(document: dict[str, Any], path: str, value: Any, *, where: str = "--set") -> None:
    """Set the dotted `path` in `document`, making the mappings on the way. Raises InvalidSpec."""
    *parents, last = path.split(".")
    here = document
    for part in parents:
        inner = here.setdefault(part, {})
        if not isinstance(inner, dict):
            raise InvalidSpec(f"{where}: {shown(path)}: {shown(part)} is a value, not a mapping of keys")
        here = inner
    here[last] = value


def fill(template: str, spec: dict[str, Any]) -> str:
    """`template` with each {dotted.path} replaced by the spec's value. Raises InvalidSpec for an unknown path."""

    def value(match: re.Match[str]) -> str:
        here: Any = spec
        for part in match[1].split("."):
            if not isinstance(here, dict) or part not in here:
                raise InvalidSpec(f"name: {{{match[1]}}} names no key of the spec")
            here = here[part]
        return str(here)

    return _HOLE.sub(value, template)
