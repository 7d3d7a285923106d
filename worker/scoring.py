"""Scores of hints: metrics computed here in chunks, judged ones in a window, each reply kept as it comes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Protocol

from common.errors import Permanent
from common.metrics import Metric, is_judged
from common.paging import pages
from worker.evaluation import Item, Judge, Score, Unscorable
from worker.numbers import Numbers, values_of
from worker.ports import Ports
from worker.window import Window, in_threads
from worker.written import Instance, item_of, write

if TYPE_CHECKING:
    from common.spec import EvaluateSpec, JudgeSpec

CHUNK = 50  #: questions between two looks at whether to go on
MOST_REASON = 500  #: characters of a reason that are kept

Unit = tuple[str, Item]  #: a piece's key, and what it is about
Candidates = list[str] | str  #: candidate answers, or the reason why there are none


class Shelf(Protocol):
    """Where pieces are kept."""

    def keep(self, pieces: Mapping[str, str]) -> None: ...
    def kept(self) -> dict[str, str]: ...


class Watch(Protocol):
    """Raises when the work is to end; shows how far it is."""

    def check(self) -> None: ...
    def progress(self, done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Scored:
    """Metric -> the values of all hints; metric -> why it could not be taken at all."""

    values: dict[Metric, Numbers] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)


def score(
    asked: Iterable[tuple[str, Instance]],
    wanted: EvaluateSpec,
    ports: Ports,
    watch: Watch,
    shelf: Shelf,
    shared: Shelf,
    take: Callable[[dict[str, Instance]], None],
) -> Scored:
    """All metrics of the spec. `take` gets the instances, by id, with their scores at their hints, chunk by chunk.

    Candidates of convergence depend on the question alone: the `shared` shelf has them.
    """
    metrics = list(dict.fromkeys(wanted.metrics))
    found = Scored()
    missing = {metric: ports.scorer.missing(metric, wanted.sentence_model) for metric in metrics}
    found.unavailable.update({metric: why for metric, why in missing.items() if why})
    computed = [metric for metric in metrics if metric not in found.unavailable and not is_judged(metric)]
    judged: dict[Metric, list[list[Score]]] = {}
    for metric in filter(is_judged, metrics):
        try:
            judged[metric] = _judged(metric, asked, wanted, ports.judge, watch, shelf, shared)
        except Permanent as exc:
            if exc.code != "deployment_unknown":
                raise
            found.unavailable[metric] = exc.message
    found.values.update({metric: Numbers() for metric in (*computed, *judged)})
    for chunk in _chunks(asked, watch):
        scores = _computed(computed, [item_of(instance) for instance in chunk.values()], wanted, ports, watch)
        done = len(next(iter(found.values.values()), ()))
        scores |= {metric: rows[done : done + len(chunk)] for metric, rows in judged.items()}
        for number, instance in enumerate(chunk.values()):
            write(instance, {metric: rows[number] for metric, rows in scores.items()})
        for metric, rows in scores.items():
            found.values[metric].extend(map(values_of, rows))
        take(chunk)
    return found


def _chunks(asked: Iterable[tuple[str, Instance]], watch: Watch) -> Iterator[dict[str, Instance]]:
    done, total = 0, sum(1 for _ in asked)
    for chunk in map(dict, pages(asked, CHUNK)):
        yield chunk
        watch.progress(done, total)
        done += len(chunk)


def _computed(
    metrics: Sequence[Metric], items: Sequence[Item], wanted: EvaluateSpec, ports: Ports, watch: Watch
) -> dict[Metric, list[list[Score]]]:
    """All metrics of a chunk before the next chunk: several look at the same reading of a text."""
    found: dict[Metric, list[list[Score]]] = {}
    for metric in metrics:
        watch.check()
        found[metric] = ports.scorer.score(metric, items, wanted.sentence_model)
    return found


def _judged(
    metric: Metric,
    asked: Iterable[tuple[str, Instance]],
    wanted: EvaluateSpec,
    judge: Judge,
    watch: Watch,
    shelf: Shelf,
    shared: Shelf,
) -> list[list[Score]]:
    """One window over all hints, before anything is computed here: a judge that pauses costs no computing again. Texts
    and scores of all hints are held meanwhile."""
    assert wanted.judge is not None, "the spec was checked"
    items = [item_of(instance) for _, instance in asked]
    return Judging(metric, wanted.judge, judge, watch, shelf, shared).scores(items)


class Judging:
    """One judged metric. A piece is one hint's score, or one question's candidates, by the hash of its texts."""

    def __init__(
        self, metric: Metric, wanted: JudgeSpec, judge: Judge, watch: Watch, shelf: Shelf, shared: Shelf
    ) -> None:
        self._metric = metric
        self._wanted = wanted
        self._judge = judge
        self._watch = watch
        self._shelf = shelf
        self._shared = shared

    def scores(self, items: Sequence[Item]) -> list[list[Score]]:
        """Raises Resting, Transient or Permanent; what was scored by then is kept."""
        candidates = self._candidates(items) if self._metric == "convergence.llm" else {}
        single = [Item(item.question, item.answer, (hint,)) for item in items for hint in item.hints]
        wanted = {self._key(one): one for one in single}
        known = self._shelf.kept()
        todo = [(key, one) for key, one in wanted.items() if key not in known]
        self._watch.progress(len(wanted) - len(todo), len(wanted))

        def rate(unit: Unit) -> str:
            return json.dumps(asdict(self._rate(unit[1], candidates)))

        self._slide(todo, rate, self._shelf.keep, len(wanted))
        known = self._shelf.kept()
        rated = iter([Score(**json.loads(known[self._key(one)])) for one in single])
        return [list(islice(rated, len(item.hints))) for item in items]

    def _rate(self, one: Item, candidates: Mapping[str, Candidates]) -> Score:
        found = candidates.get(_candidates_key(one), [])
        if isinstance(found, str):
            return Score(self._metric, None, found)
        try:
            return self._judge.rate(self._metric, self._wanted.model, one, found)
        except Unscorable as exc:
            return Score(self._metric, None, str(exc)[:MOST_REASON])

    def _candidates(self, items: Sequence[Item]) -> dict[str, Candidates]:
        """For each question its candidates. Good ones are for all to use; why there are none is this job's own."""
        wanted = {_candidates_key(item): item for item in items}
        known = {**self._shelf.kept(), **self._shared.kept()}
        todo = [(key, item) for key, item in wanted.items() if key not in known]

        def ask(unit: Unit) -> str:
            try:
                return json.dumps(self._judge.candidates(self._wanted.model, unit[1].question, unit[1].answer))
            except Unscorable as exc:
                return json.dumps(str(exc)[:MOST_REASON])

        def keep(pieces: Mapping[str, str]) -> None:
            self._shared.keep({key: text for key, text in pieces.items() if text.startswith("[")})
            self._shelf.keep({key: text for key, text in pieces.items() if not text.startswith("[")})

        self._slide(todo, ask, keep, len(wanted))
        known = {**self._shelf.kept(), **self._shared.kept()}
        return {key: json.loads(known[key]) for key in wanted}

    def _slide(
        self, todo: list[Unit], call: Callable[[Unit], str], keep: Callable[[dict[str, str]], None], total: int
    ) -> None:
        done = total - len(todo)

        def take(batch: list[tuple[Unit, str]]) -> None:
            nonlocal done
            keep({unit[0]: text for unit, text in batch})
            done += len(batch)
            self._watch.progress(done, total)
            self._watch.check()

        with in_threads(self._wanted.batch_size, call) as begin:
            Window(self._wanted.batch_size, begin).slide(todo, take)

    def _key(self, one: Item) -> str:
        return f"{self._metric} {_digest(self._wanted.model, one.question, one.answer, one.hints[0])}"


def _candidates_key(item: Item) -> str:
    return f"candidates {_digest(item.question, item.answer)}"


def _digest(*texts: str) -> str:
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:32]
