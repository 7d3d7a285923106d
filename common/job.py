"""A job as read from its record."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from common.compact import PACKED, VERSION, unpacked
from common.errors import Permanent, UnknownVersion
from common.printable import storable
from common.states import FINISHED, JobState

if TYPE_CHECKING:
    from common.spec import JobSpec

RECORD_VERSION = (
    VERSION  #: 1 held its spec whole, and hashes in hexadecimal digits; 2 packed nothing and held `data` itself
)
MAX_ATTEMPTS = 5  #: of a stage, where the record tells no other number
#: record fields that hold JSON; all others hold text as it is
JSON_FIELDS = frozenset(
    {
        "spec",
        "data",
        "training",
        "questions",
        "hints",
        "results",
        "progress",
        "error",
        "spent_runs",
        "scores",
        "counts",
        "unavailable",
        "comparison",
    }
)
#: `spec.<section>.<key>` holds the JSON of what differs from the base spec
SPEC_FIELD = "spec."
#: the pointer to the data set's bytes, beside the sections of a base spec: jobs of one submit mostly share it
DATA = "data"
#: fields of the record that `ls` needs: all but the spec and the pointers
LISTED = (
    "id v name batch priority state key attempt crashes lease lease_until owner stage since created updated not_before "
    "deadline snooze wish max_attempts file_id run_id output_name status progress deployment error done total scores "
    "rev mode refusal held estimate estimate_by reserved reserved_endpoint price spent spent_by paid payer "
    f"endpoint_cost endpoint_minutes endpoint_estimate bound_endpoint {PACKED}"
).split()


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where a stored file is: its content's SHA-256 and its size in bytes."""

    sha256: str
    size: int

    def dump(self) -> dict[str, Any]:
        return {"sha256": self.sha256, "size": self.size}


@dataclass(frozen=True, slots=True)
class Batch:
    """The jobs of one submit, counted by state. `since` is when the first was created, in ms since 1970."""

    name: str
    since: int
    states: Mapping[JobState, int]


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to move one job for a while."""

    job_id: str
    token: str


@dataclass(frozen=True, slots=True)
class Job:
    """One job's record, typed. Times are ms since 1970 by Redis's clock."""

    id: str
    state: JobState
    name: str = ""
    key: str = ""
    batch: str = ""
    priority: str = "normal"
    spec_json: dict[str, Any] | None = None
    attempt: int = 1
    crashes: int = 0
    max_attempts: int = MAX_ATTEMPTS
    lease_until: int = 0
    owner: str = ""
    stage: str = ""
    since: int = 0
    created: int = 0
    updated: int = 0
    not_before: int = 0
    deadline: int = 0
    snooze: str = ""
    wish: str = ""
    rev: str = "0"
    now: int = 0  #: Redis's clock when the record was claimed; 0 when it was only read
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_record(cls, record: Mapping[str, str], base: Mapping[str, Any] | None = None) -> Job:
        """`base` is the spec that the record names as its base: without it the job has none, unless the record holds
        it whole, as older ones do. Raises UnknownVersion for a record that a newer hintrelay wrote."""
        version = int(record.get("v") or 0)
        if version > RECORD_VERSION:
            raise UnknownVersion(
                f"job {record['id']} was written by a newer hintrelay (record version {version}, this one reads "
                f"{RECORD_VERSION}): upgrade this one"
            )
        record = unpacked(record)
        facts = {
            name: decode(value) if name in JSON_FIELDS else value
            for name, value in record.items()
            if value != "" and name not in _OWN and not name.startswith(SPEC_FIELD)
        }
        spec_json: Any = facts.pop("spec", None)
        if base is not None:
            spec_json = whole(base, record)
            facts |= {DATA: spec_json.pop(DATA)} if DATA in spec_json else {}
        numbers: dict[str, Any] = {name: int(float(record.get(name) or 0)) for name in _NUMBERS}
        words: dict[str, Any] = {
            name: record.get(name) or "" for name in ("name", "key", "batch", "owner", "stage", "snooze", "wish")
        }
        return cls(
            id=record["id"],
            state=JobState(record["state"]),
            spec_json=spec_json,
            priority=record.get("priority") or "normal",
            rev=record.get("rev") or "0",
            facts=facts,
            **words,
            **{**numbers, "attempt": numbers["attempt"] or 1, "max_attempts": numbers["max_attempts"] or MAX_ATTEMPTS},
        )

    def moved(self, state: JobState, facts: Mapping[str, Any], now_ms: int, wish: str) -> Job:
        """This job as it is read after a move with these facts, its lease kept: that saves reading it again."""
        known = {name: value for name, value in self.facts.items() if name not in {"done", "total", "error"}}
        for name, value in facts.items():
            text = _text(name, value)
            known[name] = decode(text) if text and name in JSON_FIELDS else text
        known = {name: value for name, value in known.items() if value != "" and name not in _OWN}
        return replace(
            self,
            state=state,
            facts=known,
            since=now_ms,
            updated=now_ms,
            now=now_ms,
            wish=wish,
            attempt=1,
            crashes=0,
            snooze="",
        )

    @property
    def spec(self) -> JobSpec:
        from common.spec import JobSpec  # pydantic takes 0.1 s, and a list of jobs does not need it

        if self.spec_json is None:
            raise Permanent(f"the spec of job {self.id} is gone from Redis", code="spec_lost")
        return JobSpec.model_validate(self.spec_json)

    @property
    def finished(self) -> bool:
        return self.state in FINISHED

    @property
    def error(self) -> dict[str, Any] | None:
        return self.facts.get("error")

    @property
    def deployment(self) -> str | None:
        return self.facts.get("deployment")

    @property
    def run_id(self) -> str | None:
        return self.facts.get("run_id")

    @property
    def marker(self) -> str:
        """The suffix that the platform sees: <spec suffix>-<8 hex digits of the job>."""
        return f"{self.spec.finetune.suffix}-{self.id[:8]}"

    def pointer(self, name: str) -> Pointer | None:
        """The stored file that a fact points at."""
        raw = self.facts.get(name)
        return Pointer(raw["sha256"], raw["size"]) if raw else None

    def leased(self, now_ms: int) -> bool:
        return self.lease_until > now_ms


_NUMBERS = "attempt crashes max_attempts lease_until since created updated not_before deadline now".split()
_OWN = frozenset(_NUMBERS) | set(
    "id v state name key batch priority owner stage snooze wish rev lease digest claimed deadline_ms base".split()
)


_HASH = "sha256-"  #: as in subresource integrity: then base64, a colon, the size
_POINTER = {"sha256", "size"}
_SHA256 = re.compile(r"[0-9a-f]{64}")


def iso(ms: int) -> str:
    """ISO 8601 in UTC of `ms` since 1970."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def whole(base: Mapping[str, Any], record: Mapping[str, str]) -> dict[str, Any]:
    """The spec of the job that has this record, from the base that it names."""
    spec = {**base, "name": record.get("name", "")}
    for field_name, text in record.items():
        if field_name.startswith(SPEC_FIELD):
            section, _, key = field_name.removeprefix(SPEC_FIELD).partition(".")
            value = json.loads(text)
            spec[section] = {**spec[section], key: value} if key else value
    return spec


def encode(facts: Mapping[str, Any]) -> list[str]:
    """Facts as field, value pairs of a record. None clears a field; a lone surrogate is escaped."""
    return [word for pair in texts(facts).items() for word in pair]


def texts(facts: Mapping[str, Any]) -> dict[str, str]:
    """Facts as the fields of a record."""
    return {name: _text(name, value) for name, value in facts.items()}


def _text(name: str, value: Any) -> str:
    return storable("" if value is None else _json(value) if name in JSON_FIELDS else str(value))


def decode(text: str) -> Any:
    """What `encode` made the text of a JSON field of."""
    if not text.startswith(_HASH):
        return json.loads(text)
    digest, _, size = text.removeprefix(_HASH).partition(":")
    return {"sha256": b64decode(digest).hex(), "size": int(size)}


def _json(value: Any) -> str:
    """Short, as Redis keeps a record small while its values have at most 64 bytes: a pointer has 52 and its size."""
    if isinstance(value, dict) and value.keys() == _POINTER and _SHA256.fullmatch(str(value["sha256"])):
        return f"{_HASH}{b64encode(bytes.fromhex(value['sha256'])).decode()}:{value['size']}"
    return json.dumps(value, separators=(",", ":"))
