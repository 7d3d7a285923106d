"""The Judge port: HintEval's LLM-based metrics, asked hint by hint, each reply looked at before a number is believed.

HintEval's prompts and arithmetic are used as they are. Its clients are replaced by a line of ours to where hints come
from too, since it takes errors for answers: a reply that cannot be read is 1 (readability, relevance) or "no"
(convergence), a failed request is one candidate fewer, and one odd reply loses all that was scored.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import threading
import time
from collections.abc import Sequence
from copy import copy
from typing import Any

import httpx

from common.errors import Busy, HintrelayError, Permanent, Transient
from common.lifetime import close_with
from common.metrics import Metric
from worker.adapters.chat import ASK_RETRIES, ASK_TIMEOUT_S
from worker.adapters.chat_pace import at_pace, pace_of
from worker.adapters.hinteval import contained, translate
from worker.adapters.judge_replies import is_candidate, is_yes_or_no, quoted, says_level, text_of
from worker.adapters.together_errors import learn, not_to_repeat
from worker.evaluation import Item, Score, Unscorable
from worker.pacing import Pace, Paces

CANDIDATES = 11  #: as HintEval asks for: ten wrong answers and the right one
FEWEST_CANDIDATES = 6  #: with fewer, convergence says little; with one it is always 1
MOST_REQUESTS = 30  #: for one question's candidates; HintEval asks for ever where a model repeats itself
ANSWERED_S = 600.0  #: a judge that answered is not asked again for so long whether it does
_OF_THE_HINT = {400, 413, 422}  #: what the platform refuses of one request says nothing about the others
_VERDICTS = {"yes", "no", "idk"}


class HintEvalJudge:
    """One OpenAI client serves all threads; HintEval's evaluators are made for each question asked."""

    def __init__(self, *, base_url: str, api_key: str, paces: Paces | None = None) -> None:
        self._paces = paces
        self._base_url = base_url
        self._api_key = api_key
        self._http = httpx.Client(
            timeout=httpx.Timeout(ASK_TIMEOUT_S, connect=5.0), event_hooks={"response": [not_to_repeat]}
        )
        close_with(self, self._http.close)
        self._making = threading.Lock()
        self._loaded = False
        self._answered: dict[str, float] = {}
        self._readers: dict[str, Any] = {}

    def _load(self) -> None:
        """Import what these metrics need when one is first asked for: few jobs have them."""
        with self._making:
            if self._loaded:
                return
            with contained():
                for family in ("relevance", "readability", "convergence"):
                    importlib.import_module(f"hinteval.evaluation.{family}")
            self._loaded = True

    def check(self, model: str) -> None:
        if time.monotonic() - self._answered.get(model, -ANSWERED_S) < ANSWERED_S:  # a sweep asks once
            return
        line = self._line(model)
        messages = [{"role": "user", "content": 'Write ONLY "Yes".'}]
        with contextlib.suppress(Unscorable):  # that it answers is enough
            line.ask(lambda: line.create(model=model, messages=messages, temperature=0, max_tokens=1))
        self._answered[model] = time.monotonic()

    def candidates(self, model: str, question: str, answer: str) -> list[str]:
        self._load()
        from hinteval.utils.convergence.api_based.can_ans_generator import CanAnsGenerator

        line = self._line(model, most=MOST_REQUESTS)
        made = CanAnsGenerator.__new__(CanAnsGenerator)  # its constructor makes a client, for 40 ms, that nobody needs
        made.candidate_number, made.model, made.client = CANDIDATES, model, line.client()
        told: list[str] = line.ask(lambda: made.generate_candidate_answers(question, answer))
        found = list(dict.fromkeys(reversed(told)))[::-1]  # of equal ones the last: the right answer stands at the end
        found = [*filter(is_candidate, found[:-1]), *found[-1:]]
        if len(found) < FEWEST_CANDIDATES:
            raise Unscorable(f"the judge gave {len(found) - 1} candidate answers besides the right one, of 10")
        if not _same(found[-1], answer):
            raise Unscorable(
                f"the judge's list of candidate answers has lost the right one; it ends with {found[-1]!r}"
            )
        return found

    def rate(self, metric: Metric, model: str, item: Item, candidates: Sequence[str]) -> Score:
        self._load()
        line = self._line(model)
        match metric:
            case "readability.llm":
                return self._readability(line, item)
            case "relevance.llm":
                return self._relevance(line, item)
            case "convergence.llm":
                return self._convergence(line, item, list(candidates))
        raise AssertionError(f"{metric} asks no judge")

    def _readability(self, line: _Line, item: Item) -> Score:
        from hinteval.cores import Hint

        evaluator = copy(self._reader(line.model))
        evaluator._evaluator = copy(evaluator._evaluator)
        evaluator._evaluator.pipeline = line.client(waits=True)
        hint = Hint(item.hints[0])
        line.ask(lambda: evaluator.evaluate([hint]))
        if not says_level(line.replies[-1]):
            raise Unscorable(f"the judge's reply has no number from 1 to 6: {quoted(line.replies[-1])}")
        return _score(hint)

    def _relevance(self, line: _Line, item: Item) -> Score:
        from deepeval.metrics import AnswerRelevancyMetric
        from deepeval.test_case import LLMTestCase
        from hinteval.utils.relevance.answer_relevancy.api_based import _CustomModel

        asked = _CustomModel.__new__(_CustomModel)
        asked.model_name, asked.client = line.model, line.openai()
        metric = AnswerRelevancyMetric(model=asked, threshold=0.1, include_reason=False)
        case = LLMTestCase(input=item.question, actual_output=item.hints[0])
        line.ask(lambda: metric.measure(case, _show_indicator=False))
        verdicts = [one.verdict.strip().lower() for one in metric.verdicts]
        if not verdicts or not metric.statements:
            raise Unscorable("the judge found no statement in the hint")
        if len(verdicts) != len(metric.statements):
            raise Unscorable(f"the judge gave {len(verdicts)} verdicts on {len(metric.statements)} statements")
        if odd := [one for one in verdicts if one not in _VERDICTS]:
            raise Unscorable(f"the judge's verdict is none of yes, no, idk: {quoted(odd[0])}")
        metadata = {"statements": len(metric.statements), "verdicts": len(verdicts)}
        return Score(f"relevance-llm-{_key(line.model)}", float(metric.score), metadata=metadata)

    def _convergence(self, line: _Line, item: Item, candidates: list[str]) -> Score:
        from hinteval.cores import Instance

        evaluator = _convergence_evaluator(line)
        made = Instance.from_strings(item.question, [item.answer], list(item.hints))
        made.question.metadata[f"candidate_answers-{evaluator._model_name}"] = candidates
        line.ask(lambda: evaluator.evaluate([made]))
        for reply in line.replies:
            if not is_yes_or_no(reply):
                raise Unscorable(f"the judge's reply is neither yes nor no: {quoted(reply)}")
        return _score(made.hints[0])

    def _reader(self, model: str) -> Any:
        """HintEval's evaluator with its prompts: made once, copied for each hint."""
        from hinteval.evaluation.readability import LlmBased

        with self._making:
            if model not in self._readers:
                self._readers[model] = LlmBased(model, api_key=self._api_key, base_url=self._base_url)
        return self._readers[model]

    def _line(self, model: str, most: int | None = None) -> _Line:
        return _Line(model, self._base_url, self._api_key, self._http, most, pace_of(self._paces, model))


class _Line:
    """One conversation with a judge: requests one after the other, replies kept, the first fault kept too."""

    def __init__(
        self, model: str, base_url: str, api_key: str, http: httpx.Client, most: int | None, pace: Pace
    ) -> None:
        from openai import OpenAI

        self.model = model
        self.replies: list[str] = []
        self._fault: Exception | None = None
        self._most = most
        self._pace = pace
        self._openai = OpenAI(base_url=base_url, api_key=api_key, max_retries=ASK_RETRIES, http_client=http)
        self._send = self._openai.chat.completions.create

    def create(self, **request: Any) -> Any:
        """As OpenAI's `chat.completions.create`. A line that failed once asks no more."""
        if self._fault is not None:
            raise self._fault
        if self._most is not None and len(self.replies) == self._most:
            self._most = None  # the one error that HintEval is to swallow: it goes on with the candidates it has
            raise RuntimeError("enough")
        try:
            answer = at_pace(self._pace, lambda: self._once(request))
        except Exception as exc:
            self._fault = exc
            raise
        text = text_of(answer)
        if text is None:
            self._fault = Unscorable("the judge answered without text")
            raise self._fault
        self.replies.append(text)
        return answer

    def _once(self, request: dict[str, Any]) -> Any:
        import openai

        try:
            return self._send(**request)
        except openai.APIStatusError as exc:
            learn(self._pace, exc.response)
            told = translate(exc, self.model)
            if isinstance(told, Busy):
                raise told from exc
            raise
        except (openai.APIResponseValidationError, ValueError) as exc:  # a page instead of JSON: of this hint alone
            raise Unscorable(f"the judge answered with no chat completion: {exc!r}"[:300]) from exc

    def ask(self, work: Any) -> Any:
        """Do HintEval's work over this line; its errors become ours, and the line's own faults come first."""
        try:
            done = work()
        except Exception as exc:
            raise self._told(self._fault or exc) from exc
        if self._fault is not None:  # HintEval swallowed it
            raise self._told(self._fault) from self._fault
        return done

    def client(self, *, waits: bool = False) -> Any:
        """What HintEval calls as its OpenAI client, or, where it `waits`, its AsyncOpenAI."""
        return _Client(self._create_later if waits else self.create)

    def openai(self) -> Any:
        """A real OpenAI client whose requests go over this line: instructor takes no other."""
        self._openai.chat.completions.create = self.create  # type: ignore[method-assign]  # the line is in between
        return self._openai

    async def _create_later(self, **request: Any) -> Any:
        return self.create(**request)

    def _told(self, exc: Exception) -> Exception:
        import openai

        if isinstance(exc, (HintrelayError, Unscorable)):
            return exc
        if isinstance(exc, openai.APIStatusError) and exc.status_code in _OF_THE_HINT:
            told = translate(exc, self.model)
            return told if isinstance(told, Transient) else Unscorable(str(getattr(told, "message", told)))
        if isinstance(exc, openai.APIError) or self._fault is exc:
            told = translate(exc, self.model)
            return told if isinstance(told, HintrelayError) else Permanent(repr(told)[:300], code="judge")
        if not self.replies or isinstance(exc, (NameError, ImportError, AssertionError)):
            return exc  # no reply is to blame: a bug
        return Unscorable(f"the judge's reply could not be read: {quoted(self.replies[-1])}")


class _Client:
    """`client.chat.completions.create`."""

    def __init__(self, create: Any) -> None:
        self.chat = self.completions = self
        self.create = create


def _convergence_evaluator(line: _Line) -> Any:
    """HintEval's, without its constructor: that downloads a file, and asks Together's URL whatever one wants."""
    from hinteval.cores.evaluation_core import Convergence
    from hinteval.evaluation.convergence import LlmBased
    from hinteval.utils.convergence.api_based.hint_scorer import HintScorer
    from hinteval.utils.convergence.metrics import Metrics

    evaluator = LlmBased.__new__(LlmBased)
    Convergence.__init__(evaluator, False, 1, False)
    evaluator._batch_size, evaluator._api_key = 1, "of the line"  # none would mean: a model on this machine
    evaluator._model_name, evaluator._metrics = _key(line.model), Metrics()
    rater = HintScorer.__new__(HintScorer)
    rater.model, rater.client = line.model, line.client(waits=True)
    evaluator._hint_evaluator = rater
    return evaluator


def _score(hint: Any) -> Score:
    ((name, found),) = hint.metrics.items()
    return Score(name, float(found.value), metadata=dict(found.metadata))


def _key(model: str) -> str:
    """A model's name as HintEval's metric names have it."""
    return model.replace("/", "_")


def _same(candidate: str, answer: str) -> bool:
    one, other = (re.sub(r"\W+", "", text).casefold() for text in (candidate, answer))
    return bool(one) and bool(other) and (one in other or other in one)
