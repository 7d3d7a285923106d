"""The one prompt, for training and for asking: what was trained is what is asked.

The words are HintEval's (hinteval 0.1.0, AnswerAware); a test compares them with what HintEval really sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

Format = Literal["messages", "llama3"]

SYSTEM = (
    "You are a helpful assistant that generates hints for user questions. You are given the question, and your goal "
    "is to generate hints for the question."
)


def ask(question: str, answer: str, n: int) -> str:
    """What the user says."""
    wish = f'Generate {n} hints for the following question without using "{answer}" word in the hints.'
    return f"{wish} Question: {question}"


def numbered(hints: Sequence[str]) -> str:
    """What the assistant answers."""
    return _numbers(len(hints)) % tuple(hints)


@lru_cache(maxsize=64)
def _numbers(n: int) -> str:
    """What is filled with so many hints."""
    return "\n".join(f"{number}. %s" for number in range(1, n + 1))


def training_row(kind: Format, question: str, answer: str, hints: Sequence[str]) -> dict[str, Any]:
    """One line of the training file."""
    return dialogue(kind, ask(question, answer, len(hints)), numbered(hints))


def dialogue(kind: Format, user: str, assistant: str) -> dict[str, Any]:
    """What both say, as a line of the training file; with `llama3` the chat template stands in the text itself."""
    turns = [("system", SYSTEM), ("user", user), ("assistant", assistant)]
    if kind == "messages":
        return {"messages": [{"role": role, "content": content} for role, content in turns]}
    text = "".join(f"<|start_header_id|>{role}<|end_header_id|>\n\n{content}<|eot_id|>" for role, content in turns)
    return {"text": "<|begin_of_text|>" + text}
