"""What is wrong with training data before it costs money: answers in hints, questions of both subsets, mojibake."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

ALIKE = 0.8  #: share of their words that two questions of one answer have in common, to be near
FEWEST_WORDS = 4  #: questions of fewer words are compared as wholes only
MOST_LIKE = 200  #: questions that are compared with one, of those that share a rare word and the answer
EXAMPLES = 3  #: told of each gate
FIRST_LEAD = 0xC2  #: the least byte that begins a character of UTF-8 beyond ASCII
MOST_SHOWN = 90  #: characters of a text in an example

#: gate of the spec -> what is told of the rows that it found
GATES = {
    "answer_in_hint": "have their answer in a hint",
    "overlap": "have a question that is asked too",
    "mojibake": "have text in a wrong character set",
}

Kind = Literal["exact", "near"]

_WORD = re.compile(r"\w+")
_FOLD = bytes(ord(chr(byte).lower()) if chr(byte).isalnum() or byte == ord("_") else 32 for byte in range(128)) + bytes(
    128
)
_FOREIGN = re.compile(r"[^\x00-\x7f]+")


def words(text: str) -> str:
    """The words of a text, in small letters, one space between: what texts are compared by."""
    if text.isascii():
        return b" ".join(text.encode().translate(_FOLD).split()).decode()
    return " ".join(_WORD.findall(_folded(text)))


def first_leak(answer: str, wanted: str, hints: Sequence[str]) -> str | None:
    """The first hint that has the answer in it: its words (`wanted`) in a row; an answer without words, literally."""
    if not wanted:
        return next((hint for hint in hints if answer and answer in hint), None)
    word = wanted.partition(" ")[0]
    together = "\n".join(hints)
    if together.isascii() and word not in together.lower():
        return None  # as nearly all
    return next((hint for hint in hints if word in _folded(hint) and f" {wanted} " in f" {words(hint)} "), None)


def _folded(text: str) -> str:
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def _byte_of() -> dict[str, int]:
    """The byte that a character was read from, where UTF-8 was taken for Latin-1 or Windows-1252."""
    found: dict[str, int] = {}
    for byte in range(0x80, 0x100):
        one = bytes([byte])
        found[one.decode("latin-1")] = found[one.decode("cp1252", "replace")] = byte
    found.pop("\ufffd")
    return found


_BYTE_OF = _byte_of()


def garbled(text: str) -> bool:
    """Whether characters of the text are UTF-8 that was read as Latin-1 or Windows-1252, or were lost.

    On WikiHint it finds what ftfy's `is_bad` finds, and is no dependency.
    """
    if text.isascii():
        return False
    if "\ufffd" in text:
        return True
    for run in _FOREIGN.findall(text):
        if _BYTE_OF.get(run[0], 0) < FIRST_LEAD:
            continue  # as most: a quotation mark, say
        try:
            bytes([_BYTE_OF[char] for char in run]).decode()
        except (KeyError, UnicodeDecodeError):
            continue
        return True
    return False


def leaks(answer: str, hint: str) -> bool:
    """Whether a hint has the answer in it."""
    return first_leak(answer, words(answer), (hint,)) is not None


class Overlap:
    """The questions to ask, and whether a question to train on is one of them.

    Near are questions with one answer that share ALIKE of their words. Such sets of words share one of their first few
    words in any fixed order (prefix filtering), here longest first: only those that do are compared, no N x M.
    """

    def __init__(self) -> None:
        self.questions: dict[str, str] = {}  #: its words -> a question
        self.answers: set[str] = set()  #: the words of each
        self._near: dict[tuple[str, str], list[tuple[frozenset[str], str]]] = {}

    def add(self, question: str, answer: str) -> None:
        text, answer = words(question), words(answer)
        if text in self.questions:
            return
        self.questions[text] = question
        self.answers.add(answer)
        prefix, whole = _prefix(text)
        for word in prefix:
            alike = self._near.setdefault((answer, word), [])
            if len(alike) < MOST_LIKE:
                alike.append((whole, question))

    def find(self, text: str, answer: str) -> tuple[Kind, str] | None:
        """How, and which one. Both texts are `words`."""
        same = self.questions.get(text)
        if same is not None:
            return "exact", same
        if answer not in self.answers:
            return None
        prefix, whole = _prefix(text)
        for word in prefix:
            for other, question in self._near.get((answer, word), ()):
                if _alike(whole, other):
                    return "near", question
        return None


def _prefix(text: str) -> tuple[list[str], frozenset[str]]:
    whole = frozenset(text.split())
    if len(whole) < FEWEST_WORDS:
        return [], whole
    ordered = sorted(sorted(whole), key=len, reverse=True)
    return ordered[: len(whole) - math.ceil(ALIKE * len(whole)) + 1], whole


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    common = len(one & other)
    return common >= ALIKE * (len(one) + len(other) - common)


class Finding:
    """What one gate found in the training rows, by number."""

    def __init__(self) -> None:
        self._hits: dict[int, str] = {}
        self.near = 0  #: of an overlap: near, not equal

    def __contains__(self, number: int) -> bool:
        return number in self._hits

    @property
    def told(self) -> bool:
        """Whether it has all the examples that are told: it needs no more."""
        return len(self._hits) >= EXAMPLES

    def add(self, number: int, example: str, *, near: bool = False) -> None:
        self._hits[number] = "" if self.told else example
        self.near += near

    def hits(self) -> list[tuple[int, str]]:
        """What `add` was told of each row; of few with an example."""
        return list(self._hits.items())

    def forget(self, number: int) -> None:
        self._hits.pop(number, None)

    @property
    def rows(self) -> int:
        return len(self._hits)

    @property
    def examples(self) -> list[str]:
        return [example for example in self._hits.values() if example]


def short(text: str) -> str:
    """Enough of a text to know it by."""
    return repr(text if len(text) <= MOST_SHOWN else text[: MOST_SHOWN - 1] + "…")
