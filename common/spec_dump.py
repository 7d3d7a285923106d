"""Specs of one submit as JSON and as digests. What one shares with the one before is not worked out again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

from pydantic import BaseModel

from common.spec import ADDED, JobSpec

_NOTHING: Any = object()  #: no value of a spec is it, or equals it
_NAMES = sorted(JobSpec.model_fields)
_PLAIN = {str, int, bool, float, type(None)}  #: values that are JSON as they are
_WORDS = {None: "null", True: "true", False: "false"}
REMEMBERED = 2000  #: texts, as JSON has them


class Part(NamedTuple):
    """The value of one key of a spec."""

    value: Any  #: kept, so that its identity stays its own
    values: dict[str, Any]  #: of a section: its keys
    dumped: Any  #: as JSON values
    words: dict[str, str]  #: of a section: each of its keys as a digest takes it, sorted
    text: str  #: as a digest takes it, with its name; empty for a key that came later and was not given


_NO_PART = Part(_NOTHING, {}, {}, {}, "")


class SpecDumper:
    """Remembers the last value of each key, and of each key of a section, by identity: specs are frozen, and those of a
    matrix share what it does not vary."""

    def __init__(self) -> None:
        self._last = dict.fromkeys(_NAMES, _NO_PART)

    def dump(self, spec: JobSpec) -> dict[str, Any]:
        """As `spec.dump()`. What several share is shared here too: nobody changes it."""
        last = self._look_at(spec)
        return {name: last[name].dumped for name in vars(spec)}

    def digest(self, spec: JobSpec, data_sha256: str | None = None) -> str:
        """As `spec.digest()`."""
        last = self._look_at(spec)
        texts = [last[name].text for name in _NAMES]
        if data_sha256:
            words = {**last["dataset"].words, "source": f'"source": "sha256:{data_sha256}"'}
            texts[_NAMES.index("dataset")] = _section("dataset", words)
        return hashlib.sha256(f"{{{', '.join(filter(None, texts))}}}".encode()).hexdigest()[:32]

    def _look_at(self, spec: JobSpec) -> Mapping[str, Part]:
        """Its parts."""
        last = self._last
        for name, value in vars(spec).items():
            if last[name].value is not value:
                last[name] = self._part(name, value)
        return last

    def _part(self, name: str, value: Any) -> Part:
        if type(value) in _PLAIN:
            return Part(value, {}, value, {}, _word(JobSpec, "", name, value, value))
        return _next(name, value, self._last[name])


def _next(name: str, section: BaseModel, last: Part) -> Part:
    """The part that comes after `last`."""
    values = vars(section)
    changed = [key for key, value in values.items() if last.values.get(key, _NOTHING) is not value]
    dumped = last.dumped | {key: _dumped(section, key, values[key]) for key in changed}
    words = last.words | {key: _word(type(section), name, key, values[key], dumped[key]) for key in sorted(changed)}
    return Part(section, values, dumped, words, _section(name, words))


def _dumped(section: BaseModel, key: str, value: Any) -> Any:
    return value if type(value) in _PLAIN else section.model_dump(mode="json", include={key})[key]


def _section(name: str, words: Mapping[str, str]) -> str:
    return f'"{name}": {{{", ".join(filter(None, words.values()))}}}'


@cache
def _later(model: type[BaseModel], section: str) -> dict[str, Any]:
    """Default of each key of a section ('' is the spec itself) that came later."""
    keys = (
        [rest[0] for name, *rest in ADDED if rest and name == section]
        if section
        else [one[0] for one in ADDED if len(one) == 1]
    )
    return {key: model.model_fields[key].get_default(call_default_factory=True) for key in keys}


def _word(model: type[BaseModel], section: str, key: str, value: Any, dumped: Any) -> str:
    """The text of a key; empty for one that came later and was not given."""
    return "" if _later(model, section).get(key, _NOTHING) == value else f'"{key}": {_json(dumped)}'


def _json(value: Any) -> str:
    """As `json.dumps` writes it, keys sorted."""
    kind = type(value)
    if kind is str:
        return _string(value)
    if kind is int:
        return repr(value)
    return _WORDS[value] if value is None or kind is bool else json.dumps(value, sort_keys=True)


@lru_cache(REMEMBERED)
def _string(text: str) -> str:
    return json.dumps(text)
