"""New jobs made ready for the script `create`: ids drawn, specs split into what is shared and what is own."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from common.job import DATA, texts
from common.keys import Keys
from common.pipeline import queue_of
from common.spec_parts import BaseSpec
from common.states import JobState

ID_BYTES = 4
NORMAL = "normal"  #: the priority that no record needs to tell


class NewJob(NamedTuple):
    """What `create` stores. `key` is the idempotency key, or empty; `digest` tells equal jobs; `batch` as submitted."""

    digest: str
    deadline_ms: int
    record: Mapping[str, Any]
    key: str = ""
    batch: str = ""
    priority: str = "normal"


class Draft(NamedTuple):
    """A new job under the id that was drawn for it. `texts` are the further fields of its record."""

    job_id: str
    job: NewJob
    base: BaseSpec | None
    texts: dict[str, str]


class Group(NamedTuple):
    """Jobs of one script call: they share batch, base spec and priority. `args` are its ARGV from 5 on."""

    keys: list[str]
    args: list[Any]


class Drafts:
    """The jobs of one submit. Remembers the ids that were drawn, and the base that the last job used."""

    def __init__(self) -> None:
        self._drawn: set[str] = set()
        self._base: BaseSpec | None = None

    def groups(self, jobs: Sequence[NewJob]) -> list[Group]:
        """The calls that create these jobs, in their order. Each time it is asked, other ids are drawn."""
        drafts = map(self._draft, jobs, self._ids(len(jobs)))
        return [_group(list(of_group)) for _, of_group in groupby(drafts, _shared)]

    def _draft(self, job: NewJob, job_id: str) -> Draft:
        values = {name: value for name, value in job.record.items() if value is not None}
        spec = values.pop("spec", None)
        if spec is not None and DATA in values:
            spec = {**spec, DATA: values.pop(DATA)}
        fields = self._split(spec, values.get("name") or "")
        own = {**texts(values), **fields}
        if job.key:
            own["key"] = job.key
        if job.priority != NORMAL:
            own["priority"] = job.priority
        return Draft(job_id, job, self._base if fields else None, own)

    def _split(self, spec: Mapping[str, Any] | None, name: str) -> dict[str, str]:
        if spec is None:
            return {}
        fields = self._base.fields(spec, name) if self._base is not None else None
        if fields is None:
            self._base = BaseSpec.of(spec)
            fields = self._base.fields(spec, name) or {}
        return fields

    def _ids(self, count: int) -> list[str]:
        """Ids that no other job of this submit has: the script takes equal jobs of one id for one sent again."""
        ids: list[str] = []
        while len(ids) < count:
            digits = secrets.token_hex(ID_BYTES * (count - len(ids)))
            for start in range(0, len(digits), 2 * ID_BYTES):
                job_id = digits[start : start + 2 * ID_BYTES]
                if job_id not in self._drawn:
                    self._drawn.add(job_id)
                    ids.append(job_id)
        return ids


def _shared(one: Draft) -> tuple[str, BaseSpec | None, str]:
    return one.job.batch, one.base, one.job.priority


def _group(drafts: Sequence[Draft]) -> Group:
    batch, base = drafts[0].job.batch, drafts[0].base
    names = list(dict.fromkeys(name for one in drafts for name in one.texts))
    first = queue_of(JobState.ACCEPTED)
    keys = [Keys.due, Keys.jobs, Keys.state(JobState.ACCEPTED), Keys.idempotency, Keys.events]
    keys += [
        Keys.batch(batch),
        Keys.batches,
        Keys.spec(base.digest if base else ""),
        Keys.line(first),
        Keys.turns(first),
    ]
    args: list[Any] = [batch, base.text if base else "", drafts[0].job.priority, len(names), *names]
    for job_id, job, _, own in drafts:
        keys += (Keys.job(job_id), Keys.ids(job_id))
        args += (job_id, job.key, job.digest, job.deadline_ms)
        args += [own.get(name, "") for name in names]
    return Group(keys, args)
