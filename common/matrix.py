"""One spec document into its jobs: `matrix` expanded, names filled in."""

from __future__ import annotations

import itertools
import re
from typing import Any

from pydantic import BaseModel, ValidationError

from common.collector import resting_collector
from common.errors import InvalidSpec
from common.spec import JobSpec
from common.spec_errors import quoted, shown

MAX_JOBS = 100_000  #: of one document; more is a slip of the keyboard
SECTIONS = {
    name: field.annotation
    for name, field in JobSpec.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}
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
    combinations = itertools.product(*axes.values())
    first = _whole(base, axes, next(combinations))
    varied = {path.split(".")[0] for path in axes}
    checked = {name: value for name, value in vars(first).items() if name not in varied}
    shared = base | checked | {"name": base.get("name", "")}
    sections = _Sections(first, shared, list(axes))
    return [first, *(sections.spec(values) or _whole(shared, axes, values) for values in combinations)]


class _Sections:
    """What a matrix varies, where that is keys of sections: then these are checked alone, and each once, for a JobSpec
    asks nothing across its sections (`tests/unit/common/test_matrix.py`)."""

    def __init__(self, first: JobSpec, shared: dict[str, Any], paths: list[str]) -> None:
        self._first, self._name = first, shared["name"]
        self._keys: dict[str, dict[str, int]] = {}  #: section -> key -> which of the axes
        self._given: dict[str, dict[str, Any]] = {}
        self._checked: dict[tuple[Any, ...], BaseModel] = {}
        split = [path.split(".") for path in paths]
        if all(len(parts) == 2 and parts[0] in SECTIONS for parts in split):
            for at, (section, key) in enumerate(split):
                self._keys.setdefault(section, {})[key] = at
                self._given[section] = shared.get(section, {})

    def spec(self, values: tuple[Any, ...]) -> JobSpec | None:
        """The job of a combination; None where it takes a look at the whole to make it, or to say what is wrong."""
        if not self._keys:
            return None
        parts: dict[str, Any] = {"name": self._name}
        try:
            for section, keys in self._keys.items():
                parts[section] = self._section(section, {key: values[at] for key, at in keys.items()})
            return self._first.with_parts(parts)
        except (ValidationError, InvalidSpec):
            return None

    def _section(self, name: str, varied: dict[str, Any]) -> BaseModel:
        mark = (name, *map(id, varied.values()))  # the matrix keeps its values, so that an id stays theirs
        if mark not in self._checked:
            self._checked[mark] = SECTIONS[name].model_validate({**self._given[name], **varied})
        return self._checked[mark]


def _whole(shared: dict[str, Any], axes: dict[str, list[Any]], values: tuple[Any, ...]) -> JobSpec:
    """The job of a combination, all of it checked. Raises InvalidSpec that names the combination."""
    at = dict(zip(axes, values, strict=True))
    varied = {path.split(".")[0] for path in axes}
    combination = {
        key: dict(value) if key in varied and isinstance(value, dict) else value for key, value in shared.items()
    }
    for path, value in at.items():
        put(combination, path, value, where="matrix")
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
