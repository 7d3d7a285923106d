"""New jobs made ready for the script `create`: ids drawn, specs split into what is shared and what is own."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from common.job import DATA, encode
from common.keys import Keys
from common.pipeline import queue_of
from common.spec_parts import BaseSpec
from common.states import JobState

ID_BYTES = 4


@dataclass(frozen=True, slots=True)
class NewJob:
    """What `create` stores. `key` is the idempotency key, or empty; `digest` tells equal jobs; `batch` as submitted."""

    digest: str
    deadline_ms: int
    record: Mapping[str, Any]
    key: str = ""
    batch: str = ""
    priority: str = "normal"


@dataclass(frozen=True, slots=True)
class Draft:
    """A new job under the id that was drawn for it."""

    job_id: str
    job: NewJob
    base: BaseSpec | None
    pairs: list[str]


@dataclass(frozen=True, slots=True)
class Group:
    """Jobs of one script call: they share batch, base spec and priority. `shared` and `args` are its ARGV from 5 on."""

    keys: list[str]
    shared: list[Any]
    args: list[Any] = field(default_factory=list)


class Drafts:
    """The jobs of one submit. Remembers the ids that were drawn, and the base that the last job used."""

    def __init__(self) -> None:
        self._drawn: set[str] = set()
        self._base: BaseSpec | None = None

    def groups(self, jobs: Sequence[NewJob]) -> list[Group]:
        """The calls that create these jobs, in their order. Each time it is asked, other ids are drawn."""
        return [_group(list(drafts)) for _, drafts in groupby(map(self._draft, jobs), _shared)]

    def _draft(self, job: NewJob) -> Draft:
        values = {name: value for name, value in job.record.items() if value is not None}
        spec = values.pop("spec", None)
        if spec is not None and DATA in values:
            spec = {**spec, DATA: values.pop(DATA)}
        fields = self._split(spec, values.get("name") or "")
        return Draft(self._id(), job, self._base if fields else None, encode({**values, **fields}))

    def _split(self, spec: Mapping[str, Any] | None, name: str) -> dict[str, str]:
        if spec is None:
            return {}
        fields = self._base.fields(spec, name) if self._base is not None else None
        if fields is None:
            self._base = BaseSpec.of(spec)
            fields = self._base.fields(spec, name) or {}
        return fields

    def _id(self) -> str:
        """An id that no other job of this submit has: the script takes equal jobs of one id for one sent again."""
        while (job_id := secrets.token_hex(ID_BYTES)) in self._drawn:
            pass
        self._drawn.add(job_id)
        return job_id


def _shared(one: Draft) -> tuple[str, BaseSpec | None, str]:
    return one.job.batch, one.base, one.job.priority


def _group(drafts: Sequence[Draft]) -> Group:
    batch, base = drafts[0].job.batch, drafts[0].base
    keys = [Keys.due, Keys.jobs, Keys.state(JobState.ACCEPTED), Keys.idempotency, Keys.events]
    keys += [Keys.batch(batch), Keys.batches, Keys.spec(base.digest if base else "")]
    first = queue_of(JobState.ACCEPTED)
    group = Group(
        [*keys, Keys.line(first), Keys.turns(first)], [batch, base.text if base else "", drafts[0].job.priority]
    )
    for one in drafts:
        group.keys.extend((Keys.job(one.job_id), Keys.ids(one.job_id)))
        group.args.extend((one.job_id, one.job.key, one.job.digest, one.job.deadline_ms, len(one.pairs), *one.pairs))
    return group
