"""Run by test_hinteval_metrics in a process of its own: HintEval's import is heavy. Prints one JSON."""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from typing import Any

from common.errors import HintrelayError
from common.metrics import METRICS, Metric
from common.outcomes import Advance
from common.states import JobState
from worker.adapters import hinteval
from worker.adapters.hinteval_judge import HintEvalJudge
from worker.adapters.hinteval_scores import HintEvalScorer
from worker.evaluation import Item, Unscorable

SENTENCE_MODEL = "all-MiniLM-L6-v2"
WORDS = {"the": 1.0, "capital": 0.5, "vienna": 0.25, "is": 1.0, "of": 1.0}
Reply = Callable[[str], tuple[int, str | bytes | None]]  #: bytes are the whole body


class JudgeServer(ThreadingHTTPServer):
    """An OpenAI-compatible server whose answers a function gives."""

    reply: Reply
    asked: list[str]
    model: str = ""  #: who was asked last


class Handler(BaseHTTPRequestHandler):
    server: JudgeServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][-1]["content"]
        self.server.asked.append(prompt)
        self.server.model = body["model"]
        status, text = self.server.reply(prompt)
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        answer = {"id": "x", "object": "chat.completion", "created": 1, "model": body["model"], "choices": [choice]}
        if status != 200:
            answer = {"error": {"message": "no", "type": "x", "code": "model_not_available"}}
        data = text if isinstance(text, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def wikihint() -> list[Item]:
    """The 500 hints, where they are here; else the sample's."""
    document = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    return [
        Item(one["question"]["question"], one["answers"][0]["answer"], tuple(hint["hint"] for hint in one["hints"]))
        for subset in document["subsets"].values()
        for one in subset["instances"].values()
    ]


def own(evaluator: Any, items: Sequence[Item], *, texts: bool) -> list[float]:
    """What HintEval's own `evaluate` gives."""
    from hinteval.cores import Hint, Instance

    if texts:
        return [float(v) for v in evaluator.evaluate([Hint(hint) for item in items for hint in item.hints])]
    made = [Instance.from_strings(item.question, [item.answer], list(item.hints)) for item in items]
    return [float(v) for row in evaluator.evaluate(made) for v in row]


def local() -> dict[str, Any]:
    """Metric -> how many hints, and the largest distance from HintEval's own value."""
    from hinteval.evaluation.answer_leakage import Lexical
    from hinteval.evaluation.readability import TraditionalIndexes
    from hinteval.evaluation.relevance import Rouge

    items = wikihint()
    scorer = HintEvalScorer(Path(tempfile.gettempdir()) / "hintrelay-test-models")
    nlp = cache(TraditionalIndexes("smog_index")._spacy_model)  # each text once, for HintEval's five evaluators too
    found: dict[str, Any] = {}
    for metric in METRICS:
        if METRICS[metric].judged or scorer.missing(metric, SENTENCE_MODEL):
            continue
        if metric.startswith("rouge"):
            evaluator, texts = Rouge(metric), False
        elif metric.startswith("readability"):
            evaluator, texts = TraditionalIndexes(metric.partition(".")[2]), True
            evaluator._spacy_model = nlp
        elif metric == "answer_leakage":
            evaluator, texts = Lexical(method="exclude_stop_words"), False
        else:
            continue
        wanted = own(evaluator, items, texts=texts)
        scores = [one for row in scorer.score(metric, items, SENTENCE_MODEL) for one in row]
        distance = max(abs((one.value or 0.0) - value) for one, value in zip(scores, wanted, strict=True))
        found[metric] = {"n": len(scores), "distance": distance, "unscored": sum(s.value is None for s in scores)}
    return found


def contextual() -> list[float | None] | str:
    """Of a hint that has the answer, and one that has not; or why it is unavailable."""
    scorer = HintEvalScorer(Path(tempfile.mkdtemp()))
    if why := scorer.missing("answer_leakage.contextual", SENTENCE_MODEL):
        return why
    item = Item("What is the capital of Austria?", "Vienna", ("It is called Vienna.", "Mozart once lived there."))
    return [one.value for one in scorer.score("answer_leakage.contextual", [item], SENTENCE_MODEL)[0]]


def familiarity() -> dict[str, Any]:
    """Both metrics on one text, with a small list of words; and what they lack without it."""
    scorer = HintEvalScorer(Path(tempfile.mkdtemp()))
    lacks = scorer.missing("familiarity.word_frequency", "")
    folder = Path(os.environ["HINTEVAL_CACHE_DIR"]) / "familiarity-freq"
    folder.mkdir(parents=True)
    (folder / "word_frequency_normalized.json").write_text(json.dumps(WORDS))
    item = Item("?", "Vienna", ("Vienna is the capital",))
    without = scorer.score("familiarity.word_frequency", [item], "")[0][0]
    with_all = scorer.score("familiarity.word_frequency_all_words", [item], "")[0][0]
    return {"lacks": lacks, "without": [without.name, without.value], "all": [with_all.name, with_all.value]}


def stumbling() -> list[float | None]:
    """A scorer whose HintEval stumbles over one hint of three."""
    scorer = HintEvalScorer(Path(tempfile.mkdtemp()))
    evaluator = scorer._evaluator("rouge1", "")
    evaluate = evaluator.evaluate

    def stumble(made: Any, **more: Any) -> Any:
        if any("bad" in hint.hint for one in made for hint in one.hints):
            raise ZeroDivisionError("HintEval's own")
        return evaluate(made, **more)

    evaluator.evaluate = stumble
    item = Item("a b", "x", ("a b", "bad", "a b"))
    return [one.value for one in scorer.score("rouge1", [item], "")[0]]


def wikipedia() -> float | str | None:
    """Familiarity by Wikipedia when its views cannot be read."""
    from hinteval.utils.familiarity import popularity

    def search(self: Any, title: str) -> list[str]:
        return [title]

    popularity.Popularity._find_similar_titles = search
    scorer = HintEvalScorer(Path(tempfile.mkdtemp()))
    one = scorer.score("familiarity.wikipedia", [Item("?", "x", ("Mozart lived in Vienna.",))], "")[0][0]
    return one.reason or one.value


class Judged:
    """What the judge gives under replies that tests choose."""

    def __init__(self) -> None:
        self.server = JudgeServer(("127.0.0.1", 0), Handler)
        self.server.asked = []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        self.judge = HintEvalJudge(base_url=self.url, api_key="k")

    def rate(self, metric: Metric, reply: Reply, *hints: str, candidates: Sequence[str] = ()) -> list[Any]:
        self.server.reply, self.server.asked[:] = reply, []
        return [self._one(metric, hint, candidates) for hint in hints]

    def _one(self, metric: Metric, hint: str, candidates: Sequence[str]) -> Any:
        item = Item("What is the capital of Austria?", "Vienna", (hint,))
        return told(lambda: self.judge.rate(metric, "acme/judge", item, candidates).value)

    def candidates(self, reply: Reply) -> Any:
        self.server.reply, self.server.asked[:] = reply, []
        return told(lambda: self.judge.candidates("acme/judge", "What is the capital of Austria?", "Vienna"))


def told(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Unscorable as exc:
        return f"unscored: {exc}"
    except HintrelayError as exc:
        return f"{type(exc).__name__} {exc.code}: {exc.message}"


def says(*texts: str | bytes | None, status: int = 200) -> Reply:
    """The same answers over and over."""
    answers = cycle(texts)
    return lambda prompt: (status, next(answers))


def a_city(prompt: str) -> tuple[int, str]:
    """A judge that finds candidates: a new one each time, then the lists as HintEval wants them."""
    listed = [line for line in prompt.partition("\n\n")[2].splitlines() if line]
    if "Rewrite" in prompt:
        return 200, "\n".join(f"- {one}" for one in listed)
    if prompt.startswith("Add"):
        return 200, "\n".join([*(f"- {one.lstrip('- ')}" for one in listed), "- Vienna"])
    return 200, f"City{len(listed)}"


#: what is no chat completion at all
ODD_BODIES = {
    "body_page": b"<html>busy</html>",
    "body_empty": b"",
    "body_text": b'"<html>"',
    "body_list": b"[]",
    "body_none": b"null",
    "body_without_choices": b'{"id": "x", "object": "chat.completion", "choices": []}',
}


def judged() -> dict[str, Any]:
    from hinteval.cores import Hint, Instance
    from hinteval.evaluation.readability import LlmBased as Readability
    from hinteval.evaluation.relevance import LlmBased as Relevance

    rig = Judged()
    cities = [f"City{n}" for n in range(10)] + ["Vienna"]
    statements = '{"statements": ["a", "b"]}'
    verdicts = '{"verdicts": [{"verdict": "yes"}, {"verdict": "no", "reason": "r"}]}'
    found: dict[str, Any] = {}
    found["readability"] = rig.rate("readability.llm", says("3", "the level is 6", "hard", "9", "1"), *"abcde")
    found["relevance"] = rig.rate("relevance.llm", says(statements, verdicts), "a hint")
    found["relevance_empty"] = rig.rate("relevance.llm", says('{"statements": []}'), "a hint")
    found["relevance_garbage"] = rig.rate("relevance.llm", says("I am a teapot"), "a hint")
    found["relevance_odd"] = rig.rate("relevance.llm", says(statements, verdicts.replace("yes", "banana")), "a hint")
    only = 'Does the hint "a hint" refer to'

    def yes_to_two(prompt: str) -> tuple[int, str]:
        assert prompt.startswith(only), prompt
        return 200, "Yes." if re.search("Vienna|City3", prompt) else "No"

    found["convergence"] = rig.rate("convergence.llm", yes_to_two, "a hint", candidates=cities)
    found["convergence_garbage"] = rig.rate("convergence.llm", says("Maybe"), "a hint", candidates=cities)
    found["convergence_unsure"] = rig.rate("convergence.llm", says("Not sure"), "a hint", candidates=cities)
    found["readability_refused"] = rig.rate("readability.llm", says("I can't rate it on the 1-6 scale"), "a hint")
    found["readability_page"] = rig.rate("readability.llm", says("<html><h1>Bad</h1></html>"), "a hint")
    found["relevance_schema"] = rig.rate("relevance.llm", says('{"foo": 1}'), "a hint")
    fewer = '{"verdicts": [{"verdict": "yes"}]}'
    found["relevance_fewer"] = rig.rate("relevance.llm", says(statements, fewer), "a hint")
    for metric, more in (("readability", {}), ("relevance", {}), ("convergence", {"candidates": cities})):
        for name, body in ODD_BODIES.items():
            found[f"{metric}_{name}"] = rig.rate(f"{metric}.llm", says(body), "a hint", **more)  # type: ignore[arg-type]  # names of metrics
    found["candidates"] = rig.candidates(a_city)
    found["candidates_pages"] = rig.candidates(
        lambda prompt: a_city(prompt) if "bullet list" in prompt else (200, f"<p>{len(prompt)}</p>")
    )
    found["candidates_repeated"] = rig.candidates(says("- Graz"))
    found["repeats_asked"] = len(rig.server.asked)
    found["candidates_lost"] = rig.candidates(
        lambda prompt: (200, "\n".join(f"- City{n}" for n in range(9))) if prompt.startswith("Add") else a_city(prompt)
    )
    found["busy"] = rig.candidates(says("x", status=429))
    found["no_model"] = rig.rate("relevance.llm", says("x", status=404), "a hint")
    found["refused"] = rig.rate("readability.llm", says("x", status=413), "a hint")
    found["no_text"] = rig.rate("readability.llm", says(None), "a hint")
    rig.server.reply = says(None)
    found["check"] = [told(lambda: rig.judge.check("acme/mute"))]
    rig.server.reply = says("x", status=404)
    found["check"].append(told(lambda: rig.judge.check("acme/gone")))
    rig.server.reply = says("4")
    readability = Readability("acme/judge", api_key="k", base_url=rig.url).evaluate([Hint("a hint")])
    rig.server.reply = says(statements, verdicts)
    instance = Instance.from_strings("What is the capital of Austria?", ["Vienna"], ["a hint"])
    relevance = Relevance("acme/judge", api_key="k", base_url=rig.url).evaluate([instance])
    found["same"] = [
        rig.rate("readability.llm", says("4"), "a hint") == readability,
        [found["relevance"]] == relevance,
        list(instance.hints[0].metrics),
    ]
    return found


def published_pair() -> dict[str, Any]:
    """Hints of a published pair, replayed as chat answers: what `compare` says, and what they are by themselves."""
    from producer.compare.entries import entries, ranked
    from tests.fakes.parts import FakeDatasets, FakeDesk, make_job, make_ports, make_spec
    from worker.stages.evaluate import evaluate
    from worker.stages.generate import generate
    from worker.stages.prepare import prepare

    pairs = json.loads((Path(__file__).parents[1] / "data" / "wikihint-pair.json").read_text("ascii"))
    told = {(model, one["question"]): one[model] for one in pairs for model in ("vanilla", "tuned")}
    rig = Judged()

    def replay(prompt: str) -> tuple[int, str]:
        question = prompt.partition("Question: ")[2]
        return 200, f"1. {told[rig.server.model, question]}" if question else "Yes"

    rig.server.reply = replay
    folder = Path(tempfile.mkdtemp())
    instances = {one["id"]: _instance(one) for one in pairs}
    source = json.dumps({"subsets": {name: {"instances": instances} for name in ("train", "test")}})
    hints = hinteval.HintEvalModel(base_url=rig.url, api_key="k")
    ports = replace(make_ports(folder), hint_model=hints, scorer=HintEvalScorer(folder), judge=rig.judge)
    assert isinstance(ports.datasets, FakeDatasets)
    ports.datasets.known["small"] = source.encode()
    wanted = {"metrics": list(PAIR_METRICS), "baseline": True, "baseline_name": "vanilla"}
    spec = make_spec(**{f"evaluate__{key}": value for key, value in wanted.items()}, generate__num_of_hints=1)
    job = make_job(JobState.ACCEPTED, spec, deployment="tuned")
    desk = FakeDesk(job)
    for stage in (prepare, generate, evaluate):
        outcome = stage(job, ports, desk)
        assert isinstance(outcome, Advance), outcome
        job = replace(job, state=outcome.to, facts={**job.facts, **outcome.facts})
        desk.pieces.clear()
    found: dict[str, Any] = {}
    for metric in PAIR_METRICS:
        rows = ranked(entries([replace(job, deadline=0)]), metric)
        direct = {}
        for model in ("tuned", "vanilla"):
            values = _direct(metric, [Item(one["question"], one["answer"], (one[model],)) for one in pairs])
            direct[model] = sum(values) / len(values)
        means = {"vanilla" if row.job is None else "tuned": row.mean(metric) for row in rows}
        found[metric] = {"compare": means, "direct": direct, "n": rows[0].scores[metric]["n"]}
    return found


PAIR_METRICS: tuple[Metric, ...] = ("rouge1", "readability.flesch_kincaid_reading_ease", "answer_leakage")


def _instance(one: dict[str, str]) -> dict[str, Any]:
    hints = [{"hint": one["vanilla"], "metrics": {}, "metadata": {}}]
    return {"question": {"question": one["question"]}, "answers": [{"answer": one["answer"]}], "hints": hints}


def _direct(metric: Metric, items: Sequence[Item]) -> list[float]:
    """HintEval's own `evaluate`, with no part of ours in between."""
    from hinteval.evaluation.answer_leakage import Lexical
    from hinteval.evaluation.readability import TraditionalIndexes
    from hinteval.evaluation.relevance import Rouge

    match metric:
        case "rouge1":
            return own(Rouge("rouge1"), items, texts=False)
        case "answer_leakage":
            return own(Lexical(method="exclude_stop_words"), items, texts=False)
    return own(TraditionalIndexes("flesch_kincaid_reading_ease"), items, texts=True)


def main() -> None:
    os.environ["HINTEVAL_CACHE_DIR"] = tempfile.mkdtemp()
    hinteval.load()
    print(
        json.dumps(
            {
                "local": local(),
                "contextual": contextual(),
                "familiarity": familiarity(),
                "stumbling": stumbling(),
                "wikipedia": wikipedia(),
                "judged": judged(),
                "pair": published_pair(),
            }
        )
    )


if __name__ == "__main__":
    main()
