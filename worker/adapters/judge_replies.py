"""Whether a judge's reply says what it was asked for. HintEval takes the first number, or the first letters, of any."""

from __future__ import annotations

import re
from typing import Any

#: the level, after the words that judges put before it; what else precedes a number makes it another number
_LEVEL = re.compile(
    r"(?:\W|(?:the|its|this|a|sentence|readability|level|score|rating|rate|cefr|is|of|would|i|as|at)\b)*?"
    r"(?<![-\d.])([1-6])(?![\d\w]|[.,]\d|\s*(?:-|\u2013|to|and|or)\s*\d)",
    re.IGNORECASE,
)
_YES_OR_NO = re.compile(r"(?:yes|no)\b", re.IGNORECASE)
_REFUSAL = re.compile(
    r"(?:i(?:['\u2019]?m| am) (?:sorry|unable|not able|an ai)|i can(?:not|['\u2019]t)|i could not|sorry,? (?:but|i)|"
    r"as an ai)\b",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"[<>{}\[\]]")
LONGEST_CANDIDATE = 120  #: characters; an answer is a name, not a paragraph


def says_level(reply: str) -> bool:
    """A level from 1 to 6, with nothing but such words before it: an error page or a refusal has numbers too."""
    return "<" not in reply and _LEVEL.match(reply) is not None


def is_yes_or_no(reply: str) -> bool:
    """The word itself: "Not sure" and "None" begin like a no."""
    return _YES_OR_NO.match(reply.strip()) is not None


def is_candidate(text: str) -> bool:
    """What may be a wrong answer: a judge that rules out an error page has ruled out nothing."""
    return (
        0 < len(text) <= LONGEST_CANDIDATE
        and re.search(r"\w", text) is not None
        and _MARKUP.search(text) is None
        and _REFUSAL.match(text) is None
    )


def text_of(answer: Any) -> str | None:
    """The text of a chat completion; None where there is none, whatever came instead."""
    try:
        text = answer.choices[0].message.content
    except (AttributeError, IndexError, TypeError):
        return None
    return text if isinstance(text, str) else None


def quoted(reply: str) -> str:
    """Enough of a reply to know it by."""
    text = " ".join(reply.split())
    return repr(text if len(text) <= 80 else text[:80] + "…")
