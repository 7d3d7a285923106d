"""What specs would come to: rows, price, and what is there already. Reads the job store, writes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from common.gates import Finding
from common.job import Job
from common.money import EndpointEstimate, Estimate, micros, spoken
from common.prices import Prices
from common.reuse import run_fingerprint
from common.selection import select
from common.sharing import Sharing, leads_to_a_model
from common.spec import DatasetSpec, JobSpec
from common.training import measured

Checked = Sequence[tuple[JobSpec, Path | None]]
Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Data:
    """What a data set comes to, and the training file that `prepare` will make of it."""

    counts: Counts
    sha256: str
    size: int  #: bytes
    findings: Mapping[str, Finding] = field(default_factory=dict)  #: by gate


@dataclass(frozen=True, slots=True)
class Planned:
    """One job to be. Without `data` it is known to the worker only: by HintEval's name, or behind a URL."""

    spec: JobSpec
    data: Data | None = None
    estimate: Estimate | None = None
    endpoint: EndpointEstimate | None = None  #: of its own, where the job starts one
    fingerprint: str = ""
    twin: int | None = None  #: the row (from 1) whose run it would share
    sharer: Job | None = None  #: the job whose run it would share
    file_known: bool | None = None  #: whether the platform has the training file; None: not known

    @property
    def new(self) -> bool:
        """Whether a run would be paid for it."""
        return self.twin is None and self.sharer is None

    @property
    def cost(self) -> int | None:
        """What it adds to the bill, in micro-dollars: its run, and its endpoint; None where nobody can tell yet."""
        if self.estimate is None:
            return None if self.new else 0
        return (self.estimate.cost if self.new else 0) + (self.endpoint.cost if self.endpoint else 0)


def measure(checked: Checked) -> list[Data | None]:
    """The data of each spec; each training file is made once."""
    made: dict[tuple[DatasetSpec, str], Data] = {}
    found: list[Data | None] = []
    for spec, path in checked:
        which = (spec.dataset, spec.finetune.format)
        if path is not None and which not in made:
            chosen = select(path, spec.dataset, spec.finetune.format)
            file = measured(chosen, spec)
            made[which] = Data(chosen.counts, file.sha256, file.size, chosen.findings)
        found.append(made[which] if path is not None else None)
    return found


def planned(checked: Checked, prices: Prices, platform: str) -> list[Planned]:
    """Each job with its local estimate, and which of them would share a run."""
    rows: list[Planned] = []
    first: dict[str, int] = {}
    for (spec, _), data in zip(checked, measure(checked), strict=True):
        row = Planned(spec, data)
        if data is not None:
            mark = run_fingerprint(platform, data.sha256, spec.finetune)
            estimate = prices.estimate(spec.finetune, data.size, data.counts["train_rows"])
            row = replace(row, fingerprint=mark, estimate=estimate)
            if spec.deploy.mode == "auto":
                row = replace(row, endpoint=prices.endpoint(spec, data.counts["test_questions"]))
            if not spec.fresh:
                row = replace(row, twin=first.get(mark))
                first.setdefault(mark, len(rows) + 1)
        rows.append(row)
    return rows


def with_reuse(rows: Sequence[Planned], sharing: Sharing, platform: str) -> list[Planned]:
    """The same, with what earlier jobs have left: files on the platform, runs that trained or train."""
    wanted = [row for row in rows if row.data is not None]
    files = dict(zip(_shas(wanted), sharing.files(platform, _shas(wanted)), strict=True))
    marks = {row.fingerprint for row in wanted if not row.spec.fresh}
    holders = {mark: job for mark, job in sharing.holders(sorted(marks)).items() if leads_to_a_model(job)}
    return [
        replace(
            row,
            file_known=files[row.data.sha256] is not None,
            sharer=None if row.spec.fresh else holders.get(row.fingerprint),
        )
        if row.data is not None
        else row
        for row in rows
    ]


def _shas(rows: Iterable[Planned]) -> list[str]:
    return sorted({row.data.sha256 for row in rows if row.data is not None})


def too_dear(rows: Sequence[Planned]) -> list[str]:
    """A sentence for each job whose estimate exceeds its own `limits.max_cost_usd`."""
    words = []
    for row in rows:
        most = row.spec.limits.max_cost_usd
        if most is not None and row.cost is not None and row.cost > micros(most):
            what = f"{row.estimate.tokens if row.estimate else 0} tokens"
            what += f" and {row.endpoint.minutes} minutes of an endpoint" if row.endpoint else ""
            words.append(
                f"limits.max_cost_usd: job {row.spec.name} is expected to cost {spoken(row.cost)} for {what}, "
                f"which is more than {spoken(micros(most))}"
            )
    return words
