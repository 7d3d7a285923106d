"""The ports of evaluation: what metrics look at, what they give, and who gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from common.metrics import Metric


@dataclass(frozen=True, slots=True)
class Item:
    """What a metric looks at: one question with its first answer and the hints on it, as they stand in the data set."""

    question: str
    answer: str
    hints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """One hint under one metric, by HintEval's name; without a value, the reason why there is none."""

    name: str
    value: float | None
    reason: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Unscorable(Exception):
    """A judge's reply that says nothing about the hint: no number may be made of it."""


class Scorer(Protocol):
    """HintEval's metrics that are computed here."""

    def missing(self, metric: Metric, sentence_model: str) -> str:
        """'' when this machine has what the metric needs, else what it lacks."""

    def score(self, metric: Metric, items: Sequence[Item], sentence_model: str) -> list[list[Score]]:
        """For each item the scores of its hints. A hint that cannot be scored loses no other one."""


class Judge(Protocol):
    """HintEval's metrics that a model gives. May be called from many threads."""

    def check(self, model: str) -> None:
        """Whether it answers: one short question. Raises Transient or Permanent, in the platform's words."""

    def candidates(self, model: str, question: str, answer: str) -> list[str]:
        """Answers that come to mind, the right one last, for convergence. Raises Unscorable, Transient, Permanent."""

    def rate(self, metric: Metric, model: str, item: Item, candidates: Sequence[str]) -> Score:
        """The score of the item's one hint. Raises Unscorable, Transient, Permanent."""
