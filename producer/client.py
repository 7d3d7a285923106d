"""The Python client: submit jobs, register names, watch."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.changes import Changed
from common.commands import Commands, Wanted, checked_batch
from common.errors import InvalidSpec
from common.eventlog import EventLog
from common.events import Event
from common.job import Batch, Job, Pointer
from common.settings import Settings
from common.states import FINISHED, JobState
from common.store import Store

if TYPE_CHECKING:
    from common.gates import Finding
    from common.purse import Purse
    from common.spec import DatasetSpec, JobSpec


class SubmittedJob(str):
    """A job id that knows whether this submit created the job; `id` is the id itself."""

    created: bool

    def __new__(cls, job_id: str, created: bool) -> SubmittedJob:
        self = super().__new__(cls, job_id)
        self.created = created
        return self

    @property
    def id(self) -> str:
        return str(self)


class Producer:
    """Everything that people do to jobs. Build it with `from_env`, or from parts with `producer.bootstrap`."""

    def __init__(self, store: Store, commands: Commands, events: EventLog, settings: Settings) -> None:
        self.store = store
        self.commands = commands
        self.events_log = events
        self.settings = settings
        self.findings: Mapping[DatasetSpec, Mapping[str, Finding]] = {}  #: of the gates, in the data checked last

    @classmethod
    def from_env(cls, **flags: Any) -> Producer:
        """From the environment, .env and hintrelay.toml; `flags` are fields of Settings. Connects when first used."""
        from common import settings
        from producer.bootstrap import build

        return build(settings.load(flags))

    def submit(self, spec: JobSpec, key: str | None = None, *, batch: str | None = None) -> SubmittedJob:
        """Store one job and start it; under a key it is created once. Raises InvalidSpec, Conflict, Unreachable."""
        return self.submit_all([spec], key, batch=batch)[0]

    def submit_all(
        self,
        specs: Sequence[JobSpec],
        key: str | None = None,
        *,
        batch: str | None = None,
        budget: int | None = None,
        files: Mapping[str, Path] | None = None,
    ) -> builtins.list[SubmittedJob]:
        """The same for many; nothing is stored when one of them is not valid. They are one batch, named `batch`, which
        may cost `budget` micro-dollars where it has no budget yet. `files`: data sets that stand elsewhere by now."""
        checked = self.check(specs, files)
        self._refuse_too_dear(checked)
        kept = {path: self._keep(path) for path in {path for _, path in checked}}
        wanted = [Wanted(spec, kept[path]) for spec, path in checked]
        if budget is not None and specs:
            batch = checked_batch(wanted, key, batch)
            self.purse.allow(batch, budget, first=True)  # before the jobs are there: none slips through
        stored = self.commands.submit(wanted, key, batch)
        return [SubmittedJob(one.job_id, one.created) for one in stored]

    @property
    def purse(self) -> Purse:
        """The budgets of batches."""
        from common.purse import Purse

        return Purse.beside(self.store)

    def check(
        self, specs: Sequence[JobSpec], files: Mapping[str, Path] | None = None
    ) -> builtins.list[tuple[JobSpec, Path | None]]:
        """Each spec with the local file of its data set, if it has one, checked. Raises InvalidSpec."""
        sources = dict.fromkeys(spec.dataset.source for spec in specs)
        at = {source: (files or {}).get(source) or local_file(source) for source in sources}
        here = {source: path for source, path in at.items() if path is not None}
        chosen = _rows(spec.dataset for spec in specs if spec.dataset.source in here)
        self.findings = {rows: _findings(here[rows.source], rows) for rows in chosen}
        return [(spec, here.get(spec.dataset.source)) for spec in specs]

    def _refuse_too_dear(self, checked: Sequence[tuple[JobSpec, Path | None]]) -> None:
        """By this machine's estimate; the worker asks the platform for its own before it pays."""
        if all(spec.limits.max_cost_usd is None for spec, _ in checked):
            return
        from common import prices
        from producer.planning import planned, too_dear

        words = too_dear(planned(checked, prices.load(self.settings.prices), self.settings.platform_url))
        if words:
            raise InvalidSpec(words[0], hint="hintrelay plan shows the price of each job")

    def _keep(self, path: Path | None) -> Pointer | None:
        from producer.bootstrap import artifacts

        if path is None:
            return None
        stat = path.stat()
        mark = (str(path.resolve()), stat.st_mtime_ns, stat.st_size)
        if mark not in self._kept:
            self._kept[mark] = artifacts(self.settings).put_file(path)
        return self._kept[mark]

    @property
    def _kept(self) -> dict[tuple[str, int, int], Pointer]:
        kept: dict[tuple[str, int, int], Pointer] = self.__dict__.setdefault("_kept_files", {})
        return kept

    def register_deployment(self, job: str, name: str) -> Job:
        """See Commands.register_deployment."""
        return self.commands.register_deployment(job, name)

    def cancel(self, job: str) -> Job:
        """See Commands.cancel."""
        return self.commands.cancel(job)

    def retry(self, job: str) -> Job:
        """See Commands.retry."""
        return self.commands.retry(job)

    def cancel_all(self, ids: Sequence[str]) -> builtins.list[Changed]:
        """See Commands.cancel_all."""
        return self.commands.cancel_all(ids)

    def retry_all(self, ids: Sequence[str]) -> builtins.list[Changed]:
        """See Commands.retry_all."""
        return self.commands.retry_all(ids)

    def get(self, job: str) -> Job:
        """A job by its id or the beginning of it. Raises NotFound."""
        return self.store.get(self.store.resolve(job))

    def list(self, state: JobState | None = None, *, batch: str | None = None) -> list[Job]:
        """Jobs, oldest first, without their specs; two round trips for any number. Raises NotFound for a batch that
        there is not."""
        if batch is None:
            return self.store.many(self.store.ids(state))
        return [job for job in self.store.many(self.store.batch(batch)) if state in {None, job.state}]

    def batches(self, *, newest: int | None = None) -> builtins.list[Batch]:
        """The batches, oldest first, with how many of their jobs are in each state; with `newest` so many of these."""
        return self.store.batches(newest=newest)

    def events(self, job: str) -> builtins.list[Event]:
        """A job's history, oldest first."""
        found = self.get(job)
        return list(self.events_log.of_job(found.id, since_ms=found.created))

    def watch(self, job: str) -> Iterator[Event]:
        """A job's events, those that were and those to come, until it has ended."""
        found = self.get(job)
        after = self.events_log.last_id()
        past = list(self.events_log.of_job(found.id, since_ms=found.created))
        yield from past
        if past:
            after = max(after, past[-1].id, key=_order)
        if self.store.get(found.id).state in FINISHED and (not past or past[-1].to in FINISHED):
            return
        for event in self.events_log.follow(after):
            if event is None:
                if self.store.get(found.id).state in FINISHED:
                    return
            elif event.job == found.id:
                yield event
                if event.to in FINISHED:
                    return


def _order(entry_id: str) -> tuple[int, int]:
    ms, _, number = entry_id.partition("-")
    return int(ms), int(number or 0)


def _rows(datasets: Iterable[DatasetSpec]) -> Iterable[DatasetSpec]:
    """Those that choose other rows, or from another file: a seed orders the rows, whatever they are."""
    found: dict[tuple[object, ...], DatasetSpec] = {}
    for one in datasets:
        found.setdefault(tuple(value for name, value in vars(one).items() if name != "seed"), one)
    return [one.model_copy(update={"seed": 0}) for one in found.values()]


def local_file(source: str) -> Path | None:
    """The file that a source names here; None for a HintEval name or a URL. Raises InvalidSpec when it is missing."""
    from common.dataset import is_name, is_url

    if source.startswith("file://"):
        source = source.removeprefix("file://")
    elif is_url(source) or is_name(source):
        return None
    path = Path(source).expanduser()
    if not path.is_file():
        raise InvalidSpec(
            f"dataset.source: there is no file {source} here; give a HintEval data set's name, a path, or an fsspec URL"
        )
    return path


def _findings(path: Path, rows: DatasetSpec) -> Mapping[str, Finding]:
    """What the gates find in a file. Raises InvalidSpec."""
    from common.selection import select  # takes a while, and data that is not here is not looked at

    try:
        with path.open("rb"):
            pass
    except OSError as exc:
        raise InvalidSpec(f"dataset.source: {rows.source} cannot be read: {exc.strerror}") from exc
    return select(path, rows).findings
