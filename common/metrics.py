"""The metrics of HintEval that a spec can name: what each measures, which way is better, what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Metric = Literal[
    "rouge1",
    "rouge2",
    "rougeL",
    "relevance.llm",
    "readability.flesch_kincaid_reading_ease",
    "readability.gunning_fog_index",
    "readability.smog_index",
    "readability.coleman_liau_index",
    "readability.automated_readability_index",
    "readability.llm",
    "convergence.llm",
    "familiarity.word_frequency",
    "familiarity.word_frequency_all_words",
    "familiarity.wikipedia",
    "answer_leakage",
    "answer_leakage.contextual",
]
Need = Literal["spacy", "judge", "word_list", "wikipedia", "sentence_model"]


@dataclass(frozen=True, slots=True)
class About:
    """One metric. `better` is 1 where more is better and -1 where less is."""

    family: str
    says: str
    better: Literal[1, -1]
    unit: str
    needs: tuple[Need, ...] = ()

    @property
    def judged(self) -> bool:
        return "judge" in self.needs


def _grade(says: str) -> About:
    return About("readability", says, -1, "school grade", ("spacy",))


_F1 = "F1, 0 to 1"

METRICS: dict[Metric, About] = {
    "rouge1": About("relevance", "words that hint and question share", 1, _F1),
    "rouge2": About("relevance", "pairs of words that hint and question share", 1, _F1),
    "rougeL": About("relevance", "the longest sequence of words that hint and question share", 1, _F1),
    "relevance.llm": About(
        "relevance", "the judge's view: share of the hint's statements that help", 1, "share, 0 to 1", ("judge",)
    ),
    "readability.flesch_kincaid_reading_ease": About(
        "readability", "Flesch reading ease of the hint", 1, "points, 100 is very easy", ("spacy",)
    ),
    "readability.gunning_fog_index": _grade("Gunning's fog index of the hint"),
    "readability.smog_index": _grade("SMOG index of the hint"),
    "readability.coleman_liau_index": _grade("Coleman-Liau index of the hint"),
    "readability.automated_readability_index": _grade("automated readability index of the hint"),
    "readability.llm": About(
        "readability", "the judge's view: beginner 0, intermediate 1, advanced 2", -1, "level, 0 to 2", ("judge",)
    ),
    "convergence.llm": About(
        "convergence",
        "the judge's view: share of wrong answers that the hint rules out; 0 where it rules out the right one",
        1,
        "share, 0 to 1",
        ("judge",),
    ),
    "familiarity.word_frequency": About(
        "familiarity", "how common the hint's words are, stop words left out", 1, "0 to 1", ("spacy", "word_list")
    ),
    "familiarity.word_frequency_all_words": About(
        "familiarity", "how common the hint's words are, stop words counted", 1, "0 to 1", ("spacy", "word_list")
    ),
    "familiarity.wikipedia": About(
        "familiarity",
        "how often Wikipedia's pages on what the hint names are read",
        1,
        "0 to 1",
        ("spacy", "wikipedia"),
    ),
    "answer_leakage": About(
        "answer_leakage", "1 where the hint has a word of the answer, stop words aside", -1, "share, 0 to 1", ("spacy",)
    ),
    "answer_leakage.contextual": About(
        "answer_leakage",
        "likeness of the answer to the nearest word of the hint",
        -1,
        "cosine, up to 1",
        ("spacy", "sentence_model"),
    ),
}


def is_judged(metric: Metric) -> bool:
    """Whether a judge model gives the metric."""
    return METRICS[metric].judged
