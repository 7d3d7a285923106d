"""The prompt that asks for hints, as HintEval words it."""

import re
from dataclasses import dataclass
from typing import Any

PROMPT = re.compile(
    r"Generate\s+(?P<count>\d+)\s+hints?\s+for\s+the\s+following\s+question"
    r"(?:\s+without\s+using\s+\"(?P<answer>.*)\"\s+word\s+in\s+the\s+hints)?\s*\.\s*Question:\s*(?P<question>.*)",
    re.DOTALL | re.IGNORECASE,
)
#: more is not asked for in earnest
MOST_HINTS = 50


@dataclass(frozen=True)
class HintRequest:
    """How many hints, for which question, without which word ("" when none is named)."""

    count: int
    answer: str
    question: str


def parse_prompt(text: str) -> HintRequest | None:
    """The request in a prompt; None when it asks for something else."""
    found = PROMPT.search(text)
    if found is None:
        return None
    count = min(int(found["count"]), MOST_HINTS)
    return HintRequest(count, (found["answer"] or "").strip(), found["question"].strip())


def same_question(question: str) -> str:
    """The form under which equal questions are equal."""
    return " ".join(question.split()).casefold()


def last_user_text(messages: Any) -> str:
    """The text of the last user message, plain or in parts."""
    if not isinstance(messages, list):
        return ""
    texts = [item.get("content") for item in messages if isinstance(item, dict) and item.get("role") == "user"]
    last = texts[-1] if texts else ""
    if isinstance(last, list):
        last = "\n".join(str(part.get("text", "")) for part in last if isinstance(part, dict))
    return last if isinstance(last, str) else ""
