"""A real worker process for the chaos tests, with one part exchanged: HintEval, whose import takes longer than a worker
lives there. Hints are asked of the platform over HTTP all the same; scores are lengths."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import httpx

from common import logs, prompts
from common.errors import Transient
from common.metrics import Metric
from common.settings import Settings, load
from common.spec import GenerateSpec
from worker.bootstrap import make_ports
from worker.evaluation import Item, Score
from worker.parsing import parse_hints
from worker.ports import Answer, Ports
from worker.process import run


class PlainModel:
    """Chat over HTTP, as HintEval does it."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.chat_url + "/chat/completions"
        self._key = settings.api_key.get_secret_value()
        self._threads = ThreadPoolExecutor(8)

    def begin(self, model: str, question: str, answer: str, wanted: GenerateSpec) -> Future[Answer]:
        return self._threads.submit(self._ask, model, question, answer, wanted)

    def _ask(self, model: str, question: str, answer: str, wanted: GenerateSpec) -> Answer:
        messages = [
            {"role": "system", "content": prompts.SYSTEM},
            {"role": "user", "content": prompts.ask(question, answer, wanted.num_of_hints)},
        ]
        try:
            response = httpx.post(
                self._url,
                json={"model": model, "messages": messages},
                headers={"Authorization": f"Bearer {self._key}"},
                timeout=5,
            )
            response.raise_for_status()
            return Answer(tuple(parse_hints(response.json()["choices"][0]["message"]["content"])))
        except (httpx.HTTPError, KeyError, ValueError) as exc:
            raise Transient(f"chat: {exc!r}") from exc


class Lengths:
    """Scores a hint by its length."""

    def missing(self, metric: Metric, sentence_model: str) -> str:
        return ""

    def score(self, metric: Metric, items: Sequence[Item], sentence_model: str) -> list[list[Score]]:
        return [[Score(f"plain-{metric}", float(len(hint))) for hint in item.hints] for item in items]


def main() -> None:
    settings = load()
    logs.configure(settings)

    def ports() -> Ports:
        return replace(make_ports(settings, hints=False), hint_model=PlainModel(settings), scorer=Lengths())

    run(settings, sys.argv[1].split(","), 3, ports)


if __name__ == "__main__":
    main()
