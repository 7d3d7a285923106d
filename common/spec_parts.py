"""How specs are stored: jobs of one submit share a base spec, and each holds only what differs from it."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from common.job import SPEC_FIELD

_PLAIN = {str, int, bool}  #: not float: 0.0 equals -0.0
MOST_DIFFERENCES = 16  #: a job that differs in more gets a base of its own


@dataclass(frozen=True, slots=True)
class BaseSpec:
    """A spec that jobs share, stored once under the digest of its content. The name is each job's own."""

    digest: str
    text: str
    spec: Mapping[str, Any]

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> BaseSpec:
        """The base that a job's spec makes: all of it but the name."""
        body = {**spec, "name": None}
        digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).digest()[:16]
        name = urlsafe_b64encode(digest).decode().rstrip("=")  # it stands in every record
        return cls(name, orjson.dumps(body).decode(), body)

    def fields(self, spec: Mapping[str, Any], name: str) -> dict[str, str] | None:
        """The record's fields of a job of that spec and name; None where too little is shared."""
        if spec.keys() != self.spec.keys():
            return None
        found = {"base": self.digest}
        for section, shared in self.spec.items():
            value = spec[section]
            if value is not shared and section != "name":
                found |= _differences(section, value, shared)
        if spec.get("name", name) != name:
            found[f"{SPEC_FIELD}name"] = _text(spec["name"])
        return found if len(found) <= MOST_DIFFERENCES + 1 else None


def _differences(section: str, value: Any, shared: Any) -> dict[str, str]:
    if not (type(value) is type(shared) is dict and value.keys() == shared.keys()):
        return {} if _same(value, shared) else {SPEC_FIELD + section: _text(value)}
    return {
        f"{SPEC_FIELD}{section}.{key}": _text(one)
        for key, one in value.items()
        if one is not shared[key] and not _same(one, shared[key])
    }


def _same(value: Any, shared: Any) -> bool:
    """Whether their JSON is the same, in which 1, 1.0 and true differ."""
    if type(value) is not type(shared):
        return False
    return value == shared if type(value) in _PLAIN else _text(value) == _text(shared)


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()
