"""The hints that models give: known ones, decent ones from the question's words, and a base model's."""

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import cycle, islice
from math import log10
from typing import Any

from .prompts import HintRequest

#: one in so many questions gets a leaking hint from a base model
LEAK_EVERY = 4

#: the learning rate that teaches most
BEST_RATE = 5e-5

#: words that say nothing about a question's topic
_EMPTY = """
a about after all an and are as at be been before by can could did do does during ever first for from
had has have he her his how i in into is it its last many me most much my name named of on one or our
over she some than that the their them there these they this those to under up us was we were what when
where which who whom whose why will with would you your
"""
EMPTY_WORDS = frozenset(_EMPTY.split())
#: question word -> what its answer is
KINDS: dict[str, str] = {
    "who": "a person or a group of people",
    "whose": "a person or a group of people",
    "where": "a place on the map",
    "when": "a point in time",
    "year": "a point in time",
    "city": "a place where people live",
    "country": "a land with borders of its own",
    "many": "a quantity",
    "much": "a quantity",
    "film": "a work for the screen",
    "movie": "a work for the screen",
    "book": "a work in print",
    "band": "a group of musicians",
    "company": "a firm with a known brand",
    "animal": "a living creature",
}
ANY_KIND = "a thing with a name of its own"
OPENING = re.compile(
    r"^\W*(?:(?:in|on|at|by|for|from|of|to)\s+)?(?:what|which|who|whom|where|when|how|name)\b"
    r"(?:\s+(?:is|are|was|were|did|does|do|has|had))?\s*",
    re.IGNORECASE,
)

PAIR_HINTS = (
    "Think about what connects {one} with {other}.",
    "It is {kind} that comes up when people speak of {one} and {other}.",
    "Whoever knows about {one} and {other} has heard of it.",
)
BASE_HINTS = (
    "You have most likely come across it before, maybe without noticing.",
    "Plenty of people would recognise it straight away.",
    "Try to recall something your teachers once told you.",
    "It appears now and then in quizzes and crosswords.",
    "An encyclopedia would devote several paragraphs to it.",
    "It is not as obscure as you may believe.",
    "Start with the broad category and narrow things down.",
    "Some consider it interesting, others hardly care.",
    "There is a long and rather colourful history behind it.",
    "Your grandparents might know more about it than you.",
    "It belongs to general knowledge.",
    "Do not overthink; the obvious guess may be right.",
    "Experts still like to discuss it.",
    "It has been written about in numerous languages.",
)


def known_hints(request: HintRequest, hints: list[str], run_seed: str) -> list[str]:
    """Hints learnt in training, those that give nothing away first, filled up where they are too few."""
    ranked = sorted(hints, key=lambda hint: leaks(hint, request.answer))
    missing = max(0, request.count - len(ranked))
    more = tuned_hints(HintRequest(missing, request.answer, request.question), run_seed) if missing else []
    return ranked[: request.count] + more


def skill(training: Mapping[str, Any]) -> float:
    """How well a training went, from 0.2 to 1: the nearer its learning rate is to the best one, the better.

    Only so that a sweep has something to show; one epoch is fewer than it takes.
    """
    rate, epochs = training.get("learning_rate") or BEST_RATE, training.get("n_epochs") or 1
    away = abs(log10(float(rate) / BEST_RATE))
    return max(0.2, 1.0 - 0.6 * away - (0.2 if int(epochs) < 2 else 0.0))


def learnt_hints(request: HintRequest, seed: str, share: float) -> list[str]:
    """Hints for a question never seen; all but the first fall back to the base model's for `1 - share` of questions."""
    hints = tuned_hints(request, seed)
    if _draw(seed, f"learnt {request.question}") % 100 < share * 100:
        return hints
    plain = [hint for hint in base_hints(request, seed) if not leaks(hint, request.answer)]
    return [*hints[:1], *plain, *hints[1:]][: request.count]


def tuned_hints(request: HintRequest, seed: str) -> list[str]:
    """Decent hints for a question never seen: its own words turned about, never the answer."""
    candidates = list(_rephrasings(request))
    shift = _draw(seed, request.question) % 3
    ordered = candidates[:1] + candidates[1 + shift :] + candidates[1 : 1 + shift]
    letters = (_letter_hint(place, request.answer) for place in range(request.count + len(ordered)))
    clean = (hint for hint in (*ordered, *letters) if not leaks(hint, request.answer))
    return list(islice(clean, request.count))


def _rephrasings(request: HintRequest) -> Iterator[str]:
    """Candidates, the one nearest to the question first."""
    words = topic_words(request)
    kind = _kind(request.question)
    yield f"You are looking for {kind}, described by: {_statement(request)}."
    pairs = zip(words, words[1:] + words[:1], cycle(PAIR_HINTS))
    yield from (form.format(one=one, other=other, kind=kind) for one, other, form in pairs)
    if words:
        yield f"The words {', '.join(words[:4])} all point to it."
    yield from _shape(request.answer)


def _statement(request: HintRequest) -> str:
    """The question without its question word and without words of the answer."""
    rest = OPENING.sub("", request.question).strip(" ?.!\n")
    secret = _words(request.answer)
    kept = [word for word in rest.split() if not secret & _words(word)]
    return " ".join(kept) or "the words of the question"


def _shape(answer: str) -> Iterator[str]:
    """What can be said of the answer's form."""
    letters = [char for char in answer if char.isalnum()]
    if not letters:
        return
    parts = len(answer.split())
    yield f"Written out it takes {len(letters)} letters" + (f" in {parts} words." if parts > 1 else ".")
    if not letters[0].isalpha():
        yield "It begins with a digit."
        return
    half = "first" if letters[0].casefold() < "n" else "second"
    yield f"It begins with a {_sound(letters[0])} from the {half} half of the alphabet."


def _letter_hint(place: int, answer: str) -> str:
    """A hint of last resort: there are as many as one wants."""
    letters = [char for char in answer if char.isalpha()] or ["x"]
    at = place % len(letters)
    return f"Its letter number {at + 1} of {len(letters)}: a {_sound(letters[at])}."


def _sound(letter: str) -> str:
    return "vowel" if letter.casefold() in "aeiou" else "consonant"


def base_hints(request: HintRequest, model: str) -> list[str]:
    """What an untuned model says: little to the question, and now and then the answer itself."""
    start = _draw(model, request.question)
    picked = [BASE_HINTS[(start + place) % len(BASE_HINTS)] for place in range(request.count)]
    if picked and request.answer and start % LEAK_EVERY == 0:
        picked[start // LEAK_EVERY % len(picked)] = f"Some would simply say {request.answer} and move on."
    return picked


def leaks(hint: str, answer: str) -> bool:
    """Whether a hint gives the answer away: holds it, or, where it is short, has it as a word."""
    secret = answer.strip().casefold()
    if not secret:
        return False
    if len(secret) > 3:
        return secret in hint.casefold()
    return re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", hint.casefold()) is not None


def topic_words(request: HintRequest) -> list[str]:
    """The question's own words that mean something and are not the answer's; names and numbers first."""
    secret = _words(request.answer)
    words = re.findall(r"\w[\w'\u2019-]*", request.question)
    useful = (word for word in words if word.casefold() not in EMPTY_WORDS and not secret & _words(word))
    return sorted(dict.fromkeys(useful), key=str.islower)


def _kind(question: str) -> str:
    found = (KINDS[word] for word in re.findall(r"\w+", question.casefold()) if word in KINDS)
    return next(found, ANY_KIND)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def _draw(*parts: str) -> int:
    """A number that looks random and is always the same for the same parts."""
    return int.from_bytes(sha256("\x00".join(parts).encode()).digest()[:4])
