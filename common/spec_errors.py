"""One sentence for a spec that is not valid: what, where, what is allowed."""

from __future__ import annotations

import difflib
import re
import reprlib
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

SHOWN = 80  #: characters of a refused value that are quoted
_DIGITS = 40  #: a longer number is not quoted; Python refuses to write some of them
_MAPPING = frozenset({"model_type", "dict_type"})


def sentence(error: ValidationError, model: type[BaseModel]) -> str:
    """The first fault of `error`, with the number of the others. `model` is what was validated."""
    faults = error.errors(include_url=False, include_context=True)
    first = min(faults, key=lambda fault: fault["type"] != "extra_forbidden")
    path = _path(first["loc"], model)
    rest = len({_path(fault["loc"], model) for fault in faults} - {path})
    more = f" (and {rest} more fault{'s' if rest > 1 else ''})" if rest else ""
    return f"{path}: {_words([fault for fault in faults if _path(fault['loc'], model) == path], model)}{more}"


def quoted(value: object) -> str:
    """`value` as Python writes it, in at most 80 characters, however big, deep or tangled it is."""
    return _cut(_SHORT.repr(value))


def shown(key: object) -> str:
    """A key as a path names it: as it is, or quoted where it would tear the sentence."""
    return key if isinstance(key, str) and key.isprintable() and 0 < len(key) <= SHOWN else quoted(key)


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 3, SHOWN, SHOWN

    def repr_int(self, x: int, level: int) -> str:
        return str(x) if abs(x) < 10**_DIGITS else f"a number of more than {_DIGITS} digits"


_SHORT = _Short()


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"


def _path(loc: tuple[int | str, ...], model: type[BaseModel]) -> str:
    """`finetune.learning_rate`; the branches of a union, which pydantic appends, are left out."""
    parts: list[str] = []
    here: type[BaseModel] | None = model
    for part in loc:
        if here is not None:
            parts.append(shown(part))
            here = _inner(here, part)
        elif isinstance(part, int):
            parts[-1] += f"[{part}]"
    return ".".join(parts) or "spec"


def _inner(model: type[BaseModel], key: int | str) -> type[BaseModel] | None:
    """The model of what stands under `key`; None where that is a plain value."""
    field = model.model_fields.get(str(key))
    annotation = field.annotation if field else None
    candidates = (annotation, *get_args(annotation))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _words(faults: list[Any], model: type[BaseModel]) -> str:
    """What is wrong at one path; of a union, every branch says what it allows."""
    fault = faults[0]
    if fault["type"] == "extra_forbidden":
        return _unknown(fault["loc"], model)
    if fault["type"] == "missing":
        return "is missing"
    texts = list(dict.fromkeys(_text(one) for one in faults))
    text = " or ".join([texts[0], *(other.removeprefix("should be ") for other in texts[1:])])
    if fault["type"] == "value_error" or isinstance(fault["input"], dict):
        return text
    return f"{text}, not {quoted(fault['input'])}"


def _text(fault: Any) -> str:
    if fault["type"] in _MAPPING:
        return "should be a mapping of keys to values"
    return re.sub(r"^(Input|String) should", "should", fault["msg"].removeprefix("Value error, "))


def _unknown(loc: tuple[int | str, ...], model: type[BaseModel]) -> str:
    for part in loc[:-1]:
        model = _inner(model, part) or model
    allowed = list(model.model_fields)
    near = difflib.get_close_matches(str(loc[-1])[:SHOWN], allowed, n=1)
    guess = f" (did you mean {near[0]}?)" if near else ""
    return f"unknown key{guess}; allowed here: {', '.join(sorted(allowed))}"
