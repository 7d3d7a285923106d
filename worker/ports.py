"""What the stages need, in our words. One adapter and one fake each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from common.budgets import Budget
from common.errors import Transient
from common.job import Job, Pointer
from common.money import Estimate
from common.quotes import Quote
from worker.evaluation import Judge, Scorer
from worker.serving import Catalog, Endpoints, Standing

if TYPE_CHECKING:
    from common.prices import Prices
    from common.spec import FinetuneSpec, GenerateSpec

Request = dict[str, Any]  #: a request of the platform's, opaque to the stages
Progress = Callable[[int, int], None]  #: (done, total)


class InDoubt(Transient):
    """The platform may or may not have done what it was asked: look before asking again."""

    code = "in_doubt"


class Absent(Transient):
    """The platform does not know it (any more)."""

    code = "absent"


class RunStatus(StrEnum):
    """Where a run stands, of the platform's many words."""

    ACTIVE = "active"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class FileStatus(StrEnum):
    """Where the platform's own validation of a file stands."""

    PENDING = "pending"
    VALID = "valid"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Run:
    """A fine-tuning run. `word` is the platform's own status, `words` why it ended, where it says so."""

    id: str
    status: RunStatus
    word: str
    suffix: str = ""
    model: str = ""
    training_file: str = ""
    created: str = ""
    output_name: str = ""
    object_id: str = ""
    adapter_id: str = ""
    price: int | None = None  #: micro-dollars, as the platform states it
    words: str = ""
    restarted_as: str = ""
    progress: dict[str, Any] = field(default_factory=dict)


class Platform(Protocol):
    """Where models are trained. Every call raises Transient or Permanent, in the platform's words."""

    name: str  #: tells one platform's ids from another's

    def upload(self, path: Path, progress: Progress) -> str:
        """The id of the file there; equal bytes may give an id that exists."""

    def check_file(self, file_id: str) -> tuple[FileStatus, str]:
        """The platform's verdict and its words. Raises Absent."""

    def runs(self) -> list[Run]:
        """All runs of the account, in one request; without `words` and `restarted_as`."""

    def left_s(self, run_id: str) -> float | None:
        """How long the run stays in its present state, in s, as the platform estimated when it was last asked for all
        runs; None where it told nothing. Asks nobody."""

    def run(self, run_id: str) -> Run:
        """One run, with the story of its end. Raises Absent."""

    def losses(self, run_id: str) -> dict[str, list[list[float]]]:
        """How the training went: `train` and `eval`, each [step, loss], some hundred at most."""

    def run_request(self, wanted: FinetuneSpec, file_id: str, marker: str) -> Request:
        """What to ask for, checked against the platform's limits; nothing is begun by it."""

    def quote(self, wanted: FinetuneSpec, file_id: str) -> Quote:
        """What the platform expects such a run to cost, and whether it allows it."""

    def start_run(self, request: Request) -> str:
        """Pay for a run; its id. Asked once, never repeated. Raises InDoubt when the answer got lost."""

    def stop_run(self, run_id: str) -> None:
        """Ask for a run to be cancelled; fine when it has ended."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answered: its hints, as many as came."""

    hints: tuple[str, ...]


class HintModel(Protocol):
    """A deployed model that writes hints."""

    def begin(self, model: str, question: str, answer: str, wanted: GenerateSpec) -> Future[Answer]:
        """Ask, and wait for nothing. In an answer's place stands Transient or Permanent, in the platform's words."""


class Datasets(Protocol):
    """Data sets from elsewhere, as files of HintEval JSON on this machine; what is fetched goes into `folder`."""

    def download(self, name: str, folder: Path) -> Path:
        """One of HintEval's own, by its name. Raises Permanent for a name that HintEval does not have."""

    def fetch(self, source: str, folder: Path) -> Path:
        """A path on this machine or an fsspec URL. Raises Permanent outside of the roots that are allowed."""


class Artifacts(Protocol):
    """Files that stages hand on."""

    def put(self, data: bytes) -> Pointer: ...
    def put_file(self, path: Path, *, done: bool = False) -> Pointer: ...
    def get(self, pointer: Pointer) -> bytes: ...
    def has(self, pointer: Pointer) -> bool: ...
    def local(self, pointer: Pointer, suffix: str, folder: Path) -> Path: ...
    def reading(self, pointer: Pointer, folder: Path) -> AbstractContextManager[Path]: ...
    def scratch(self) -> AbstractContextManager[Path]:
        """A folder of this machine, gone at the end."""


class Desk(Protocol):
    """What a stage may do to its own job while it works on it. Raises StaleMove once the lease is lost."""

    def note(self, **facts: Any) -> None:
        """Write facts on the record: an intent before a paid call, an id after it."""

    def event(self, event: str, **data: Any) -> None:
        """Add to the job's history."""

    def keep(self, pieces: Mapping[str, str]) -> None:
        """Store pieces of work, so that a crash costs none of them."""

    def kept(self) -> dict[str, str]:
        """The pieces that were stored, by this attempt or an earlier one."""

    def kept_ids(self) -> set[str]:
        """The names of the pieces that were stored."""

    def kept_of(self, names: Sequence[str]) -> dict[str, str]:
        """Some of the pieces that were stored."""

    def intend(self, most: int | None) -> int | None:
        """Write that a run is about to be paid for, where fewer than `most` are under way.

        None: it is written. Else nothing is, and so many are under way.
        """

    def yield_slot(self) -> None:
        """Give back the slot that was handed on to this job, if there is one: it is not going to pay now."""

    def progress(self, done: int, total: int) -> None:
        """How far the stage is; written now and then."""

    def now_s(self) -> float:
        """Redis's clock, in s since 1970: the one that all workers share."""

    def check(self) -> None:
        """Raise when the work is to end: lease lost, somebody wishes it cancelled, or the worker stops."""

    def file_known(self, sha256: str) -> str | None:
        """The platform's id of a file with these bytes, where any job has uploaded them."""

    def remember_file(self, sha256: str, file_id: str) -> None: ...
    def forget_file(self, sha256: str) -> None: ...

    def share(self, name: str, pieces: Mapping[str, str]) -> None:
        """Keep pieces under a name that other jobs know too; what is there already stands."""

    def shared(self, name: str) -> dict[str, str]:
        """What any job has shared under this name lately."""

    def payer(self, mark: str, instead_of: Job | None = None) -> Job | None:
        """The job that pays for the run; None: this one, also in the place of one that has ended, or is held."""

    def join(self, mark: str, payer: Job, run_id: str) -> bool:
        """Train by the payer's run. False: the payer has left it."""

    def begun(self, mark: str, run_id: str) -> None:
        """The run is there: those that share it need wait no longer."""

    def leave_run(self, mark: str | None, run_id: str) -> str | None:
        """This job does not want the run any more. The job that goes on with it; None: it is to be stopped."""

    def reserve(self, run: Estimate | None = None, endpoint: int | None = None) -> Budget | None:
        """Set money aside for a run and an endpoint (micro-dollars), both or neither; None leaves as it is. A Budget
        has no room for it; the job is made due when there is."""

    def settle(self) -> None:
        """Count what the job's last run cost."""

    def shared_ids(self, name: str) -> set[str]:
        """The keys of what was shared under a name."""

    def shared_of(self, name: str, keys: Sequence[str]) -> dict[str, str]:
        """Some of what was shared under a name."""

    def unshare(self, name: str) -> None:
        """Forget what was shared under a name."""

    def alone(self, name: str) -> bool:
        """Whether this job may do `name` now, as the only one (upload these bytes); for a minute from each time."""

    def not_alone(self, name: str) -> None:
        """Another job may do `name` now."""

    def wake(self, job_ids: Iterable[str]) -> None:
        """What these jobs wait for is there."""

    def endpoint(self, model: str, pay: Callable[[int], None], *, base: bool = False) -> Standing:
        """Ask for an endpoint that serves `model` for this job, and where it stands. Asked again, it is the same one;
        a base model's is shared with other jobs. `pay` is called before it is asked for, with the number of jobs that
        pay for it; what it raises is raised. Nothing is awaited: the job is woken when something changes."""

    def leave(self, model: str) -> None:
        """The job needs a base model's endpoint no longer."""

    def endpoint_ended(self) -> str | None:
        """Why the endpoint that the job asks has ended; None while it runs, or where it is not one of ours."""

    def seek(self) -> None:
        """Look for an endpoint that somebody else started for the job's model."""


def _table() -> Prices:
    from common.prices import load  # pydantic, a fifth of an idle worker's memory

    return load()


@dataclass(frozen=True, slots=True)
class Ports:
    """All of them, as one worker has them. Those of another queue's stages may be absent."""

    platform: Platform
    artifacts: Artifacts
    datasets: Datasets
    hint_model: HintModel
    scorer: Scorer
    judge: Judge
    endpoints: Endpoints
    catalog: Catalog
    max_running: int | None = None  #: runs at once; None is any number
    prices: Prices = field(default_factory=_table)  #: for where the platform tells no price
    doubt_s: float = 45.0  #: a run whose creation was not confirmed may appear in the list this late
    sleep: Callable[[float], None] = lambda seconds: None
