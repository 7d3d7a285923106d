"""Specs of one submit as JSON and as digests. What they share, part by part, is worked out once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from pydantic import BaseModel

from common.spec import ADDED, JobSpec

REMEMBERED = 2000  #: parts: a matrix shares all but those that it varies


@dataclass(frozen=True, slots=True)
class Part:
    """One key of a spec: `dumped` is all of it, `texts` its JSON as a digest takes it, by the data's hash."""

    value: Any  #: kept, so that its identity stays its own
    dumped: Any
    texts: dict[str, str | None]


class SpecDumper:
    """Remembers parts by identity: specs are frozen, and those of a matrix share what it does not vary."""

    def __init__(self) -> None:
        self._parts: dict[int, Part] = {}

    def dump(self, spec: JobSpec) -> dict[str, Any]:
        """As `spec.dump()`. What several share is shared here too: nobody changes it."""
        return {name: self._part(value).dumped for name, value in spec}

    def digest(self, spec: JobSpec, data_sha256: str | None = None) -> str:
        """As `spec.digest()`."""
        texts = ((name, self._text(name, value, data_sha256 or "")) for name, value in sorted(spec, key=itemgetter(0)))
        body = ", ".join(f'"{name}": {text}' for name, text in texts if text is not None)
        return hashlib.sha256(f"{{{body}}}".encode()).hexdigest()[:32]

    def _part(self, value: Any) -> Part:
        part = self._parts.get(id(value))
        if part is not None:
            return part
        if not isinstance(value, BaseModel):
            return Part(value, value, {})
        if len(self._parts) > REMEMBERED:
            self._parts.clear()
        part = self._parts[id(value)] = Part(value, value.model_dump(mode="json"), {})
        return part

    def _text(self, name: str, value: Any, data_sha256: str) -> str | None:
        part = self._part(value)
        if data_sha256 not in part.texts:
            part.texts[data_sha256] = _text(name, part, data_sha256)
        return part.texts[data_sha256]


def _text(name: str, part: Part, data_sha256: str) -> str | None:
    """The part's JSON, without keys that came later and were not given; None where that is the part itself."""
    if not isinstance(part.dumped, dict):
        later = (name,) in ADDED and part.value == JobSpec.model_fields[name].get_default(call_default_factory=True)
        return None if later else json.dumps(part.dumped)
    fields = type(part.value).model_fields
    unset = {
        key
        for section, *rest in ADDED
        for key in rest
        if section == name and getattr(part.value, key) == fields[key].get_default(call_default_factory=True)
    }
    body = {key: value for key, value in part.dumped.items() if key not in unset}
    if data_sha256 and name == "dataset":
        body["source"] = f"sha256:{data_sha256}"
    return json.dumps(body, sort_keys=True)
