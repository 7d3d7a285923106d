"""Roads for the benchmarks: stages that do nothing under the real runner, and ports that answer at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from common.commands import Commands, Wanted
from common.connection import connect
from common.job import Job
from common.keys import Keys
from common.matrix import put
from common.metrics import Metric
from common.outcomes import Advance, Outcome
from common.pipeline import STAGES, Step
from common.sender import Sender
from common.settings import Settings
from common.spec import GenerateSpec, JobSpec
from common.states import MOVES, JobState
from common.store import Store
from worker.evaluation import Item, Score
from worker.ports import Answer, Desk, Ports

if TYPE_CHECKING:
    from worker.stages import Stage

FOUR = {
    "prepare": JobState.PREPARED,
    "upload": JobState.UPLOADED,
    "finetune": JobState.GENERATED,  # past the training: no tick takes part in the road of four
    "evaluate": JobState.SUCCEEDED,
}
STEPS = [next(step for step in STAGES.values() if step.name == name) for name in FOUR]
BENCH_SOURCE = "memory://bench/rows.json"


def four_stages() -> None:
    """In a worker process of the benchmarks: stages that do nothing, and the one move that their road has on top."""
    from worker.stages import BY_NAME

    for name, target in FOUR.items():
        BY_NAME[name] = _nothing(target)
    MOVES.setdefault((JobState.UPLOADED, JobState.GENERATED), "hints_generated")


def _nothing(target: JobState) -> Stage:
    def stage(job: Job, ports: Ports, desk: Desk) -> Outcome:
        return Advance(target)

    return stage


class AtOnce:
    """The ports of the hints queue, answering without any work."""

    def begin(self, model: str, question: str, answer: str, wanted: GenerateSpec) -> Future[Answer]:
        answered: Future[Answer] = Future()
        answered.set_result(Answer(tuple(f"hint {number}" for number in range(wanted.num_of_hints))))
        return answered

    def missing(self, metric: Metric, sentence_model: str) -> str:
        return ""

    def score(self, metric: Metric, items: Sequence[Item], sentence_model: str) -> list[list[Score]]:
        return [[Score(f"bench-{metric}", 0.5) for _ in item.hints] for item in items]


class Asking(AtOnce):
    """Asks the platform over HTTP, and no more than that."""

    def __init__(self, settings: Settings) -> None:
        import httpx

        self._client = httpx.Client(base_url=settings.chat_url, timeout=60)
        self._threads = ThreadPoolExecutor(8)

    def begin(self, model: str, question: str, answer: str, wanted: GenerateSpec) -> Future[Answer]:
        return self._threads.submit(self._ask, model, question)

    def _ask(self, model: str, question: str) -> Answer:
        body = {"model": model, "messages": [{"role": "user", "content": question}]}
        told = self._client.post("/chat/completions", json=body).raise_for_status().json()
        return Answer(tuple(told["choices"][0]["message"]["content"].splitlines()))


def quick_ports(settings: Settings, road: str) -> Ports:
    """The real platform adapter, artifacts and data sets; a model and a scorer that answer at once, or over HTTP."""
    from dataclasses import replace

    from worker.bootstrap import make_ports

    at_once = Asking(settings) if road == "chat" else AtOnce()
    return replace(make_ports(settings, hints=False), hint_model=at_once, scorer=at_once)


class Customer:
    """Submits as `hintrelay submit` does: the same commands over the same store."""

    def __init__(self, settings: Settings, *, four: bool) -> None:
        self.store = Store(connect(settings.redis_url), url=settings.redis_url, actor="bench")
        self._client = connect(settings.redis_url)
        sender = Sender(settings)
        self._commands = Commands(self.store, FourSteps(sender) if four else sender)

    def submit(self, count: int) -> list[str]:
        """`count` equal jobs in one submit."""
        return [one.job_id for one in self._commands.submit([Wanted(plain_spec())] * count)]

    def succeeded(self) -> int:
        return self.count(JobState.SUCCEEDED)

    def count(self, state: JobState) -> int:
        """How many jobs are in a state."""
        return int(self._client.zcard(Keys.state(state)))


class FourSteps:
    """Sends the road of four as one chain."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def send_many(self, nudges: Sequence[tuple[str, Sequence[Step]]]) -> None:
        self._sender.send_many([(job_id, STEPS) for job_id, _ in nudges])


def plain_document(source: str = BENCH_SOURCE) -> dict[str, Any]:
    """A valid spec as it stands in a file. Its source is a URL: no disk is read for it at submit."""
    return {
        "version": 1,
        "dataset": {"source": source},
        "finetune": {"model": "meta-llama/Meta-Llama-3-8B-Instruct", "suffix": "bench"},
    }


def plain_spec(source: str = BENCH_SOURCE, **changes: object) -> JobSpec:
    """The same as a spec; `changes` are dotted keys with __ for the dot."""
    document = plain_document(source)
    for path, value in changes.items():
        put(document, path.replace("__", "."), value)
    return JobSpec.parse(document)
