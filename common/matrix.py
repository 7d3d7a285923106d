"""One spec document into its jobs: `matrix` expanded, names filled in."""

from __future__ import annotations

import itertools
import re
from typing import Any

from pydantic import BaseModel

from common.collector import resting_collector
from common.errors import InvalidSpec
from common.spec import JobSpec
from common.spec_errors import quoted, shown

MAX_JOBS = 100_000  #: of one document; more is a slip of the keyboard
_HOLE = re.compile(r"\{([A-Za-z_][\w.]*)\}")


@resting_collector()
def expand(document: object) -> list[JobSpec]:
    """The jobs of a document, in the order of its matrix (the last key turns fastest). Raises InvalidSpec."""
    if not isinstance(document, dict):
        raise InvalidSpec(f"a spec is a mapping of keys to values, not {type(document).__name__}")
    base = {key: value for key, value in document.items() if key != "matrix"}
    axes = _axes(document.get("matrix"))
    if not axes:
        return [JobSpec.parse(base)]
    specs: list[JobSpec] = []
    varied = {path.split(".")[0] for path in axes}
    shared = base
    for values in itertools.product(*axes.values()):
        combination = {
            key: dict(value) if key in varied and isinstance(value, dict) else value for key, value in shared.items()
        }
        for path, value in zip(axes, values, strict=True):
            put(combination, path, value, where="matrix")
        specs.append(_parse(combination, dict(zip(axes, values, strict=True))))
        if shared is base:  # what is not varied has been checked
            checked = {name: getattr(specs[0], name) for name in JobSpec.model_fields if name not in varied}
            shared = base | checked | {"name": base.get("name", "")}
    return specs


def _parse(combination: dict[str, Any], at: dict[str, Any]) -> JobSpec:
    try:
        return JobSpec.parse(combination)
    except InvalidSpec as exc:
        where = ", ".join(f"{shown(path)}={quoted(value)}" for path, value in at.items())
        raise InvalidSpec(f"{exc.message} [in the matrix at {where}]") from exc


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


def fill(template: str, spec: object) -> str:
    """`template` with each {dotted.path} replaced by the value of a spec, or of its JSON. Raises InvalidSpec for an
    unknown path."""

    def value(match: re.Match[str]) -> str:
        here: Any = spec
        for part in match[1].split("."):
            here = "" if here is spec and part == "name" else _inner(here, part)
            if here is _NOTHING:
                raise InvalidSpec(f"name: {{{match[1]}}} names no key of the spec")
        return str(here.model_dump() if isinstance(here, BaseModel) else here)

    return _HOLE.sub(value, template)


_NOTHING = object()


def _inner(here: Any, key: str) -> Any:
    if isinstance(here, BaseModel):
        return getattr(here, key) if key in type(here).model_fields else _NOTHING
    return here.get(key, _NOTHING) if isinstance(here, dict) else _NOTHING
