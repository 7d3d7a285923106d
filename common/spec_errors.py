"""One sentence for a spec that is not valid: what, where, what is allowed."""

from __future__ import annotations

import difflib
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

SHOWN = 80  #: characters of a refused value that are quoted


def sentence(error: ValidationError, model: type[BaseModel]) -> str:
    """The first fault of `error`, with the number of the others. `model` is what was validated."""
    faults = error.errors(include_url=False, include_context=True)
    first = min(faults, key=lambda fault: fault["type"] != "extra_forbidden")
    path = _path(first["loc"])
    rest = len({_path(fault["loc"]) for fault in faults} - {path})
    more = f" (and {rest} more fault{'s' if rest > 1 else ''})" if rest else ""
    same = [fault for fault in faults if _path(fault["loc"]) == path]
    return f"{path}: {' or '.join(dict.fromkeys(_words(fault, model) for fault in same))}{more}"


def _path(loc: tuple[int | str, ...]) -> str:
    """`finetune.learning_rate`; the branches of a union (pydantic appends them) are left out."""
    parts: list[str] = []
    for part in loc:
        if isinstance(part, int):
            parts[-1] += f"[{part}]"
        elif part.isidentifier() and part not in {"str", "int", "float", "bool", "constrained"}:
            parts.append(part)
        elif not any(mark in part for mark in "[(") and part not in {"str", "int", "float", "bool"}:
            parts.append(part)
    return ".".join(parts) or "spec"


def _words(fault: Any, model: type[BaseModel]) -> str:
    if fault["type"] == "extra_forbidden":
        return _unknown(fault["loc"], model)
    if fault["type"] == "missing":
        return "is missing"
    text = fault["msg"].removeprefix("Value error, ")
    text = text.replace("Input should", "should")
    value = fault["input"]
    if fault["type"] == "value_error" or isinstance(value, dict):
        return text
    return f"{text}, not {_quoted(value)}"


def _quoted(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= SHOWN else shown[:SHOWN] + "…"


def _unknown(loc: tuple[int | str, ...], model: type[BaseModel]) -> str:
    allowed = _fields(loc[:-1], model)
    near = difflib.get_close_matches(str(loc[-1]), allowed, n=1)
    guess = f" (did you mean {near[0]}?)" if near else ""
    return f"unknown key{guess}; allowed here: {', '.join(sorted(allowed))}"


def _fields(loc: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    for part in loc:
        annotation = model.model_fields[str(part)].annotation
        candidates = [annotation, *get_args(annotation)]
        model = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return list(model.model_fields)
