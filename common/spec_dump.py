"""Specs of one submit as JSON and as digests. What they share, part by part, is worked out once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from pydantic import BaseModel

from common.spec import ADDED, JobSpec

_NOTHING = object()  #: no value of a spec equals it
_PLAIN = {str, int, bool, float, type(None)}  #: values of keys that are no section
_NAMES = sorted(JobSpec.model_fields)
REMEMBERED = 2000  #: parts: a matrix shares all but those that it varies


@dataclass(frozen=True, slots=True)
class Part:
    """One section of a spec: `dumped` is all of it, `texts` its JSON as a digest takes it, by the data's hash."""

    value: BaseModel  #: kept, so that its identity stays its own
    dumped: Any
    texts: dict[str, str]


class SpecDumper:
    """Remembers parts by identity: specs are frozen, and those of a matrix share what it does not vary."""

    def __init__(self) -> None:
        self._parts: dict[int, Part] = {}

    def dump(self, spec: JobSpec) -> dict[str, Any]:
        """As `spec.dump()`. What several share is shared here too: nobody changes it."""
        return {
            name: self._part(value).dumped if type(value) not in _PLAIN else value for name, value in vars(spec).items()
        }

    def digest(self, spec: JobSpec, data_sha256: str | None = None) -> str:
        """As `spec.digest()`."""
        parts = vars(spec)
        texts = [self._text(name, parts[name], data_sha256 or "") for name in _NAMES]
        return hashlib.sha256(f"{{{', '.join(filter(None, texts))}}}".encode()).hexdigest()[:32]

    def _part(self, value: BaseModel) -> Part:
        part = self._parts.get(id(value))
        if part is None:
            if len(self._parts) > REMEMBERED:
                self._parts.clear()
            part = self._parts[id(value)] = Part(value, value.model_dump(mode="json"), {})
        return part

    def _text(self, name: str, value: Any, data_sha256: str) -> str:
        if type(value) in _PLAIN:
            return _word(name, type(value).__name__, value)
        texts = self._part(value).texts
        if data_sha256 not in texts:
            texts[data_sha256] = f'"{name}": {_body(name, self._part(value), data_sha256)}'
        return texts[data_sha256]


@cache
def _defaults(model: type[BaseModel], section: str) -> dict[str, Any]:
    """Default of each key of a section ('' is the spec itself) that came later."""
    keys = (
        [rest[0] for name, *rest in ADDED if rest and name == section]
        if section
        else [one[0] for one in ADDED if len(one) == 1]
    )
    return {key: model.model_fields[key].get_default(call_default_factory=True) for key in keys}


@lru_cache(REMEMBERED)
def _word(name: str, kind: str, value: Any) -> str:
    """The text of a key that is no section; empty for one that came later and was not given. By type: 1 equals True."""
    return "" if _defaults(JobSpec, "").get(name, _NOTHING) == value else f'"{name}": {json.dumps(value)}'


def _body(name: str, part: Part, data_sha256: str) -> str:
    """The section's JSON, without keys that came later and were not given."""
    later = _defaults(type(part.value), name)
    body = {
        key: value for key, value in part.dumped.items() if key not in later or getattr(part.value, key) != later[key]
    }
    if data_sha256 and name == "dataset":
        body["source"] = f"sha256:{data_sha256}"
    return json.dumps(body, sort_keys=True)
