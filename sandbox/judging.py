"""What a model says when it is asked to judge hints, in the words of HintEval's LLM-based metrics."""

import ast
import json
import re
from collections.abc import Callable
from hashlib import sha256

#: wrong answers that come to mind
GUESSES = (
    "Vienna Marconi Neptune Everest Chopin Lisbon Copernicus Saturn Amazon Tolstoy Kyoto Galileo Danube Monet Sahara "
    "Verdi Oslo Newton Baikal Homer Havana Pasteur Etna Goya"
).split()

_LIST = re.compile(r"\n\n(?P<items>.+)\Z", re.DOTALL)
_REFERS = re.compile(r'Does the hint "(?P<hint>.*)" refer to "(?P<candidate>.*)"\? Write ONLY', re.DOTALL)
_ADD = re.compile(r'Add "(?P<answer>.*)" to the following list', re.DOTALL)
_SENTENCE = re.compile(r'Sentence: "(?P<text>.*)"\nGiven the above key', re.DOTALL)
_TEXT = re.compile(r"\nText:\n(?P<text>.*)\n\nJSON:", re.DOTALL)
_STATEMENTS = re.compile(r"\nStatements:\n(?P<items>\[.*\])\n\nJSON:", re.DOTALL)


def judge(prompt: str) -> str | None:
    """The answer to one of HintEval's questions about hints; None for any other prompt."""
    for sign, say in _QUESTIONS.items():
        if sign in prompt:
            return say(prompt)
    return None


def _readability(prompt: str) -> str:
    """The longer the words, the harder: 1 to 6."""
    found = _SENTENCE.search(prompt)
    words = re.findall(r"\w+", found["text"] if found else "") or ["x"]
    return str(min(6, max(1, round(sum(map(len, words)) / len(words)) - 2)))


def _candidate(prompt: str) -> str:
    """One more answer that the list in the prompt does not have."""
    taken = set(_items(prompt))
    start = _draw(prompt.partition("Question: ")[2].partition("\n")[0])
    free = (GUESSES[(start + step) % len(GUESSES)] for step in range(len(GUESSES)))
    return next((guess for guess in free if guess not in taken), f"Guess {len(taken)}")


def _bullets(prompt: str) -> str:
    return "\n".join(f"- {item}" for item in _items(prompt))


def _with_answer(prompt: str) -> str:
    found = _ADD.search(prompt)
    return "\n".join([_bullets(prompt), f"- {found['answer'] if found else ''}"])


def _refers(prompt: str) -> str:
    """Yes for what is no guess of ours, hence the right answer; for some of the guesses too."""
    found = _REFERS.search(prompt)
    if found is None:
        return "No"
    return "Yes" if found["candidate"] not in GUESSES or _draw(found["hint"], found["candidate"]) % 4 == 0 else "No"


def _statements(prompt: str) -> str:
    found = _TEXT.search(prompt)
    parts = re.split(r"(?<=[.!?])\s+", found["text"].strip()) if found else []
    return json.dumps({"statements": [part for part in parts if part] or ["nothing"]})


def _verdicts(prompt: str) -> str:
    """A statement without a name or a number in it helps nobody."""
    found = _STATEMENTS.search(prompt)
    try:
        statements = ast.literal_eval(found["items"]) if found else []
    except (ValueError, SyntaxError):
        statements = []
    useful = [bool(re.search(r"\s[A-Z0-9]", str(one))) or _draw(str(one)) % 3 > 0 for one in statements]
    return json.dumps({"verdicts": [{"verdict": "yes"} if one else {"verdict": "no", "reason": "-"} for one in useful]})


def _items(prompt: str) -> list[str]:
    found = _LIST.search(prompt)
    lines = found["items"].splitlines() if found else []
    return [line.lstrip("-•* ").strip() for line in lines if line.strip()]


def _draw(*parts: str) -> int:
    return int.from_bytes(sha256("\x00".join(parts).encode()).digest()[:4])


_QUESTIONS: dict[str, Callable[[str], str]] = {
    "the readability of the sentence is (scale=1-6)": _readability,
    "Write a most-expected candidate answer": _candidate,
    "Write another candidate answer": _candidate,
    "Rewrite the following list in a bullet list": _bullets,
    "to the following list and Write the updated list": _with_answer,
    'Write ONLY between "Yes" or "No"': _refers,
    "breakdown and generate a list of statements": _statements,
    "determine whether each statement is relevant": _verdicts,
    'Write ONLY "Yes"': lambda prompt: "Yes",
}
