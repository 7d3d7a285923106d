"""Fakes of the other ports, and a desk that keeps its notes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from common.artifacts import ArtifactStore
from common.budgets import Budget
from common.errors import HintrelayError, Permanent, StaleMove
from common.job import Job
from common.metrics import Metric
from common.money import Estimate
from common.spec import GenerateSpec, JobSpec
from common.states import JobState
from tests.fakes.endpoints import FakeEndpoints
from tests.fakes.platform import FakePlatform
from worker.evaluation import Item, Score, Unscorable
from worker.ports import Answer, Ports
from worker.serving import Standing


class FakeClock:
    """A clock that tests move; `sleep` moves it."""

    def __init__(self, now_s: float = 1_800_000_000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def ms(self) -> int:
        return int(self.now_s * 1000)

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class FakeHintModel:
    """Answers `n` hints; `faults` by question are raised, once each."""

    def __init__(self, surplus: int = 0) -> None:
        self.asked: list[str] = []
        self.faults: dict[str, HintrelayError] = {}
        self.surplus = surplus

    def begin(self, model: str, question: str, answer: str, wanted: GenerateSpec) -> Future[Answer]:
        answered: Future[Answer] = Future()
        try:
            answered.set_result(self.ask(model, question, answer, wanted))
        except HintrelayError as exc:
            answered.set_exception(exc)
        return answered

    def ask(self, model: str, question: str, answer: str, wanted: GenerateSpec) -> Answer:
        self.asked.append(question)
        fault = self.faults.pop(question, None)
        if fault is not None:
            raise fault
        count = wanted.num_of_hints + self.surplus
        return Answer(tuple(f"hint {n} on {question}" for n in range(1, count + 1)))


class FakeScorer:
    """Gives each hint its number of characters, under HintEval-like names; `lacking` metrics are unavailable."""

    def __init__(self, **lacking: str) -> None:
        self.lacking = lacking

    def missing(self, metric: Metric, sentence_model: str) -> str:
        return self.lacking.get(metric, "")

    def score(self, metric: Metric, items: Sequence[Item], sentence_model: str) -> list[list[Score]]:
        return [[Score(f"fake-{metric}", float(len(hint))) for hint in item.hints] for item in items]


class FakeJudge:
    """Gives each hint 0.5; `garbage` are texts that it says nothing readable on, `faults` are raised once each."""

    def __init__(self, garbage: Sequence[str] = (), unknown: bool = False) -> None:
        self.garbage = set(garbage)
        self.unknown = unknown
        self.faults: dict[str, HintrelayError] = {}
        self.asked: list[str] = []

    def check(self, model: str) -> None:
        if self.unknown:
            raise Permanent(f"{model} answered 404: no such model", code="deployment_unknown")

    def candidates(self, model: str, question: str, answer: str) -> list[str]:
        self._ask(question)
        return ["one", "two", answer]

    def rate(self, metric: Metric, model: str, item: Item, candidates: Sequence[str]) -> Score:
        self._ask(item.hints[0])
        return Score(f"fake-{metric}-{model}", 0.5, metadata={"candidates": len(candidates)})

    def _ask(self, text: str) -> None:
        self.check("judge")
        self.asked.append(text)
        if fault := self.faults.pop(text, None):
            raise fault
        if text in self.garbage:
            raise Unscorable(f"garbage on {text}")


class FakeDatasets:
    """A dict of data sets by name or path."""

    def __init__(self, known: Mapping[str, bytes] | None = None) -> None:
        self.known = dict(known or {})

    def download(self, name: str, folder: Path) -> Path:
        return self.fetch(name, folder)

    def fetch(self, source: str, folder: Path) -> Path:
        if source not in self.known:
            raise Permanent(f"no data set {source}")
        path = folder / "dataset.json"
        path.write_bytes(self.known[source])
        return path


@dataclass
class FakeDesk:
    """Keeps what a stage notes; `lost` and `after` make the lease go away."""

    job: Job
    notes: dict[str, Any] = field(default_factory=dict)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    pieces: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    shelves: dict[str, dict[str, str]] = field(default_factory=dict)
    others_at_work: bool = False
    under_way: int = 0  #: runs of other jobs
    other_payer: Job | None = None
    heir: str | None = None
    full: Budget | None = None
    reserved: list[Estimate] = field(default_factory=list)
    settled: int = 0
    released: list[str] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)
    lost: bool = False
    yielded: bool = False
    standing: Standing = field(default_factory=lambda: Standing("hr-1", "its endpoint waits for room"))
    asked_for: list[tuple[str, bool]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    ended: str | None = None
    seeks: bool = False
    clock: FakeClock = field(default_factory=FakeClock)

    def note(self, **facts: Any) -> None:
        self.check()
        self.notes.update(facts)

    def event(self, event: str, **data: Any) -> None:
        self.events.append((event, data))

    def keep(self, pieces: Mapping[str, str]) -> None:
        self.check()
        self.pieces.update(pieces)

    def kept(self) -> dict[str, str]:
        return dict(self.pieces)

    def kept_ids(self) -> set[str]:
        return set(self.pieces)

    def kept_of(self, names: Sequence[str]) -> dict[str, str]:
        return {name: self.pieces[name] for name in names if name in self.pieces}

    def intend(self, most: int | None) -> int | None:
        self.check()
        if most is not None and self.under_way >= most:
            return self.under_way
        self.notes["intent"] = f"{self.now_s():.3f}"
        return None

    def yield_slot(self) -> None:
        self.yielded = True

    def progress(self, done: int, total: int) -> None:
        self.notes["progress"] = (done, total)

    def check(self) -> None:
        if self.lost:
            raise StaleMove

    def now_s(self) -> float:
        return self.clock.now_s

    def file_known(self, sha256: str) -> str | None:
        return self.files.get(sha256)

    def remember_file(self, sha256: str, file_id: str) -> None:
        self.files[sha256] = file_id

    def forget_file(self, sha256: str) -> None:
        self.files.pop(sha256, None)

    def payer(self, mark: str, instead_of: Job | None = None) -> Job | None:
        return self.other_payer if instead_of is None else None

    def join(self, mark: str, payer: Job, run_id: str) -> bool:
        self.notes.update(run_id=run_id, payer=payer.id)
        return True

    def begun(self, mark: str, run_id: str) -> None:
        self.note(run_id=run_id)

    def leave_run(self, mark: str | None, run_id: str) -> str | None:
        return self.heir

    def reserve(self, run: Estimate | None = None, endpoint: int | None = None) -> Budget | None:
        if run is not None:
            self.reserved.append(run)
        return self.full

    def settle(self) -> None:
        self.settled += 1

    def alone(self, name: str) -> bool:
        return not self.others_at_work

    def share(self, name: str, pieces: Mapping[str, str]) -> None:
        shelf = self.shelves.setdefault(name, {})
        for key, text in pieces.items():
            shelf.setdefault(key, text)

    def shared(self, name: str) -> dict[str, str]:
        return dict(self.shelves.get(name, {}))

    def shared_ids(self, name: str) -> set[str]:
        return set(self.shelves.get(name, {}))

    def shared_of(self, name: str, keys: Sequence[str]) -> dict[str, str]:
        return {key: text for key, text in self.shared(name).items() if key in keys}

    def unshare(self, name: str) -> None:
        self.shelves.pop(name, None)

    def not_alone(self, name: str) -> None:
        self.released.append(name)

    def wake(self, job_ids: Iterable[str]) -> None:
        self.woken += job_ids

    def endpoint(self, model: str, pay: Callable[[int], None], *, base: bool = False) -> Standing:
        pay(1)
        self.asked_for.append((model, base))
        return self.standing

    def leave(self, model: str) -> None:
        self.left.append(model)

    def endpoint_ended(self) -> str | None:
        return self.ended

    def seek(self) -> None:
        self.seeks = True

    def later(self, state: JobState | None = None, **facts: Any) -> Job:
        """The job as the next claim reads it."""
        known = {**self.job.facts, **self.notes, **facts}
        return replace(
            self.job,
            state=state or self.job.state,
            facts={name: value for name, value in known.items() if value is not None},
        )


def hinteval_json(train: int = 6, test: int = 3, *, hints: int = 5) -> bytes:
    """A small data set in HintEval's own JSON."""

    def instance(name: str) -> dict[str, Any]:
        return {
            "question": {
                "question": f"What is {name}?",
                "question_type": {},
                "entities": [],
                "metrics": {},
                "metadata": {},
            },
            "answers": [{"answer": f"Answer{name}", "entities": [], "metrics": {}, "metadata": {}}],
            "hints": [
                {"hint": f"Clue {n} of {name}.", "source": None, "entities": [], "metrics": {}, "metadata": {}}
                for n in range(hints)
            ],
            "metadata": {},
        }

    subsets = {
        subset: {
            "name": subset,
            "metadata": {},
            "instances": {f"{subset}_{n}": instance(f"{subset}{n}") for n in range(count)},
        }
        for subset, count in (("train", train), ("test", test))
    }
    return json.dumps(
        {"name": "small", "version": "1", "description": "", "url": "", "metadata": {}, "subsets": subsets}
    ).encode()


def make_spec(**changes: Any) -> JobSpec:
    """A valid spec; `changes` are dotted keys with __ for the dot."""
    from common.matrix import put

    document: dict[str, Any] = {
        "version": 1,
        "name": "small",
        "dataset": {"source": "small"},
        "finetune": {"model": "meta-llama/Meta-Llama-3-8B-Instruct", "suffix": "small"},
    }
    for path, value in changes.items():
        put(document, path.replace("__", "."), value)
    return JobSpec.parse(document)


def make_job(state: JobState, spec: JobSpec | None = None, **facts: Any) -> Job:
    """A job as a claim reads it."""
    spec = spec or make_spec()
    return Job(id="0a1b2c3d", state=state, name=spec.name, spec_json=spec.dump(), deadline=2**62, facts=facts)


def make_ports(
    folder: Path,
    *,
    platform: FakePlatform | None = None,
    model: FakeHintModel | None = None,
    clock: FakeClock | None = None,
    scorer: FakeScorer | None = None,
    judge: FakeJudge | None = None,
    endpoints: FakeEndpoints | None = None,
) -> Ports:
    """Fakes, and a real artifact store in `folder`."""
    clock = clock or FakeClock()
    endpoints = endpoints or FakeEndpoints(clock.ms)
    return Ports(
        platform=platform or FakePlatform(),
        artifacts=ArtifactStore(folder.as_uri(), scratch=folder / "scratch"),
        datasets=FakeDatasets({"small": hinteval_json()}),
        hint_model=model or FakeHintModel(),
        scorer=scorer or FakeScorer(),
        judge=judge or FakeJudge(),
        endpoints=endpoints,
        catalog=endpoints,
        sleep=clock.sleep,
    )
