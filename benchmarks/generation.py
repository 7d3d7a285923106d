"""generation: hints for many questions, half a second an answer; beside the bare requests and HintEval's own loop."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import aiohttp
import httpx
import psutil

from benchmarks import data
from benchmarks.kit import peers
from benchmarks.kit.processes import Broken, Crew, await_true, clean_environ, tell
from benchmarks.kit.rounds import Benchmark, Chart, Column, Figures, Options, Subject, Table, Verdict
from benchmarks.kit.servers import platform
from benchmarks.ours import Installation, installation
from benchmarks.roads import plain_spec
from benchmarks.seeding import bring, prepared_facts
from common.errors import InvalidSpec
from common.pipeline import rest
from common.sender import Sender
from common.states import JobState

ANSWER_S = 0.5
LIMIT = 32
LOOP = "HintEval's own loop, batches of 2"
PATIENCE_S = 180.0


@dataclass(frozen=True, slots=True)
class Case:
    """So many questions; `limit` requests at once are answered, one more gets 429 (0: no limit)."""

    words: str
    questions: int
    window: int
    limit: int = 0
    uneven: bool = False

    @property
    def ours(self) -> str:
        return f"hintrelay, {self.words}"

    @property
    def floor(self) -> str:
        return f"bare requests, {self.words}"


def cases(options: Options) -> list[Case]:
    """The window without a limit is the largest that a spec may ask for."""
    many, some = options.count(1_000), options.count(320, 1_000)
    widest = _widest()
    return [
        Case(f"{many:,} questions, no limit", many, widest),
        Case(f"{many // 10:,} questions, no limit", many // 10, widest),
        Case(f"{some:,} questions, {LIMIT} at once", some, LIMIT, LIMIT),
        Case(f"{some:,} questions, {LIMIT} at once, uneven", some, LIMIT, LIMIT, uneven=True),
    ]


def _widest() -> int:
    for window in (1000, 512):
        try:
            plain_spec(generate__batch_size=window)
        except InvalidSpec:
            continue
        return window
    return 256


@contextmanager
def subjects(options: Options) -> Iterator[list[Subject]]:
    """One hints worker with the real HintEval for all rounds: its import takes longer than a case."""
    folder = options.folder / "generation"
    with platform(folder) as (url, _), installation(folder, url, HINTRELAY_TICK_SECONDS="1") as place:
        source = data.write(folder / "rows.json", train=8, test=options.count(1_000))
        place.crew.start("hints", [sys.executable, "-m", "worker", "celery", "hints", "--concurrency", "1"])
        place.crew.start("platform", [sys.executable, "-m", "worker", "celery", "platform"])
        place.start_beat()
        site = Site(place, url, str(source))
        options.say("generation: the hints worker imports HintEval")
        site.ours(Case("warm", 4, 4))
        found = []
        for case in cases(options):
            found += [Subject(case.floor, partial(site.floor, case)), Subject(case.ours, partial(site.ours, case))]
        if options.peers:
            found.append(Subject(LOOP, partial(site.loop, options.count(20, 100)), rounds=1))
        yield found


class Site:
    """A platform and a running installation, for one case after the other."""

    def __init__(self, place: Installation, url: str, source: str) -> None:
        self._place = place
        self._url = url
        self._source = source
        self._store = place.customer().store
        self._sender = Sender(place.settings)
        self._numbers = itertools.count()

    def ours(self, case: Case) -> Figures:
        """From the message to the moment at which all hints are stored."""
        spec = plain_spec(
            self._source,
            dataset__test_limit=case.questions,
            generate__batch_size=case.window,
            evaluate__metrics=["rouge1"],
        )
        prepared = prepared_facts(self._place, spec)
        (job_id,) = bring(self._store, 1, JobState.TRAINED, spec=spec, prepared=prepared)
        self._set(case)
        self._store.register(job_id, f"bench/model-{next(self._numbers)}")
        self._store.move(job_id, JobState.TRAINED, JobState.DEPLOYED, look_ms=20_000)
        crew = self._place.crew
        idle, cpu, began = _rss_mb(crew), crew.cpu_s(), time.perf_counter()
        self._sender.send(job_id, rest(JobState.DEPLOYED))
        peak = self._until_generated(job_id, idle)
        figures = self._figures(case, time.perf_counter() - began, crew.cpu_s() - cpu)
        await_true(lambda: self._store.get(job_id).finished, "its hints are scored", crew)
        return {**figures, "above_mb": peak - idle}

    def _until_generated(self, job_id: str, peak: float) -> float:
        until = time.monotonic() + PATIENCE_S
        while (job := self._store.get(job_id)).state in {JobState.TRAINED, JobState.DEPLOYED}:
            peak = max(peak, _rss_mb(self._place.crew))
            if time.monotonic() > until:
                raise Broken(f"no hints within {PATIENCE_S:.0f} s: {job.facts.get('error') or job.state}")
            time.sleep(0.05)
        if job.state not in {JobState.GENERATED, JobState.SUCCEEDED}:
            raise Broken(f"the job is {job.state}: {job.facts.get('error')}")
        return peak

    def floor(self, case: Case) -> Figures:
        """The same requests by aiohttp alone, as many at once."""
        self._set(case)
        cpu, began = time.process_time(), time.perf_counter()
        asyncio.run(_ask_all(f"{self._url}/v1/chat/completions", case.questions, case.window))
        return self._figures(case, time.perf_counter() - began, time.process_time() - cpu)

    def loop(self, questions: int) -> Figures:
        case = Case("", questions, 2)
        self._set(case)
        command = [sys.executable, str(peers.SCRIPTS / "hinteval_loop.py"), str(questions), self._url]
        told = json.loads(tell(command, clean_environ(), peers.SCRIPTS).splitlines()[-1])
        return self._figures(case, told["seconds"], told["cpu_s"])

    def _set(self, case: Case) -> None:
        body = {"answer_s": ANSWER_S, "uneven": case.uneven, "limit": case.limit}
        httpx.post(f"{self._url}/bench/chat", json=body).raise_for_status()

    def _figures(self, case: Case, wall: float, cpu: float) -> Figures:
        seen = httpx.get(f"{self._url}/bench/seen?short=1").json()
        return {
            "questions": float(case.questions),
            "seconds": wall,
            "rate": case.questions / wall,
            "cpu_ms": cpu / case.questions * 1000,
            "at_once": seen["most_chats"],
            "refused": seen["counts"].get("429", 0),
        }


async def _ask_all(url: str, count: int, window: int) -> None:
    body = {"model": "bench/floor", "messages": [{"role": "user", "content": "a question"}]}
    free = asyncio.Semaphore(window)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=window)) as session:

        async def ask() -> None:
            async with free, session.post(url, json=body) as answer:
                await answer.read()

        await asyncio.gather(*(ask() for _ in range(count)))


def _rss_mb(crew: Crew) -> float:
    total = 0
    for pid in crew.pids():
        try:
            total += psutil.Process(pid).memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 1_000_000


def judge(table: Table) -> list[Verdict]:
    """Each case against its floor, and the first against HintEval's loop."""
    found = []
    for name in table.rows:
        if name.startswith("hintrelay, "):
            floor = f"bare requests, {name.removeprefix('hintrelay, ')}"
            found.append(Verdict("1.2 x the bare requests", table.ratio(name, floor, "seconds"), 1.2, False, note=name))
    first = next((name for name in table.rows if name.startswith("hintrelay, ")), "")
    found.append(Verdict("10 x HintEval's own loop", table.ratio(first, LOOP, "rate"), 10, True))
    return found


def notes(table: Table) -> list[str]:
    """How memory grows with the questions, from the two cases without a limit."""
    found = []
    for name, rounds in table.rows.items():
        if name.startswith("hintrelay, ") and "no limit" in name and rounds and "above_mb" in rounds[0]:
            found.append((rounds[0]["questions"], max(figures["above_mb"] for figures in rounds)))
    found.sort()
    if len(found) < 2 or found[0][0] == found[-1][0]:
        return []
    (few, low), (many, high) = found[0], found[-1]
    growth = (high - low) / (many - few) * 1000
    return [f"memory: {low:.0f} MB above idle at {few:.0f} questions, {high:.0f} at {many:.0f}: {growth:.1f} kB each"]


BENCHMARK = Benchmark(
    name="generation",
    title="Hints for many questions, 0.5 s an answer",
    about="From the message to all hints stored. HintEval's loop has fewer questions, which does not change its rate.",
    columns=[
        Column("rate", "questions/s", "1/s", 1),
        Column("seconds", "time", "s", 2),
        Column("cpu_ms", "CPU a question", "ms", 1),
        Column("above_mb", "memory above idle", "MB", 0),
        Column("at_once", "requests at once", "", 0),
        Column("refused", "answered 429", "", 0),
        Column("questions", "questions", "", 0),
    ],
    subjects=subjects,
    judge=judge,
    charts=[Chart("rate", "Questions answered a second, 0.5 s an answer")],
    rounds=2,
    notes=notes,
)
