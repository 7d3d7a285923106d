"""HintEval's own JSON form of a data set, read without HintEval: what can be trained on, what is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from common.errors import InvalidSpec
from common.gates import garbled

PICKLES = (".pickle", ".pkl", ".gz", ".joblib")
_PLAIN = bytes(range(0x20, 0x7F))
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]+")  # all of them but those that are white space
_TEMPLATE_TOKEN = re.compile(r"<\|[a-z_0-9]+\|>|<s>|</s>|\[/?INST\]")


class Row(NamedTuple):
    """One question with its first answer (the one that HintEval uses) and its hints, all cleaned."""

    id: str
    question: str
    answer: str
    hints: tuple[str, ...]
    mojibake: str = ""  #: the first of the texts, as it stood there, that has some: cleaning takes part of it away


def is_name(source: str) -> bool:
    """Whether `source` is the name of a data set that HintEval downloads, rather than a path or a URL."""
    return bool(_NAME.fullmatch(source)) and not Path(source).exists()


def is_url(source: str) -> bool:
    return "://" in source


def refuse_pickle(source: str, head: bytes = b"") -> None:
    """Raises InvalidSpec for a pickle: loading one runs whatever code is in it."""
    if source.lower().endswith(PICKLES) or head[:2] in {
        b"\x1f\x8b",
        b"\x80\x02",
        b"\x80\x03",
        b"\x80\x04",
        b"\x80\x05",
    }:
        raise InvalidSpec(
            f"dataset.source: {source} is a pickle or compressed; only HintEval JSON is read "
            "(Dataset.store_json makes it)"
        )


def row(row_id: str, instance: dict[str, Any], source: str) -> Row:
    """An instance as a row. Raises InvalidSpec for one that is not HintEval's."""
    try:
        texts = [answer["answer"] for answer in instance.get("answers") or ()]
        answers = len(texts)
        texts += [hint["hint"] for hint in instance.get("hints") or ()]
        texts.append(instance["question"]["question"])
        joined = " ".join(texts)
        garbage = "" if joined.isascii() else next(filter(garbled, texts), "")
        if not _is_clean(joined):
            texts = [clean(text) for text in texts]
    except (KeyError, TypeError, AttributeError) as exc:
        raise InvalidSpec(
            f"dataset.source: instance {row_id!r} of {source} is not HintEval's: it needs question.question, "
            "answers[].answer and hints[].hint as texts"
        ) from exc
    question = texts.pop()
    return Row(row_id, question, texts[0] if answers else "", tuple(filter(None, texts[answers:])), garbage)


def _is_clean(joined: str) -> bool:
    """Whether each of the texts, with a space between, is what `clean` would make of it, as most are; False may be
    wrong, True is not: a space at the end of one would stand beside that between."""
    plain = not joined.encode().translate(None, _PLAIN) if joined.isascii() else joined.isprintable()
    return plain and "  " not in joined and joined.strip() == joined


def rows(found: Iterable[tuple[str, dict[str, Any]]], source: str) -> Iterator[Row]:
    """Instances as rows, as they come. Raises InvalidSpec for one that is not HintEval's."""
    return (row(row_id, instance, source) for row_id, instance in found)


def trainable(row: Row) -> str:
    """'' when a row can be trained on, else why not: no_question, no_answer, no_hints, template_tokens."""
    if not row.question:
        return "no_question"
    if not row.answer:
        return "no_answer"
    if not row.hints:
        return "no_hints"
    text = "\n".join((row.question, row.answer, *row.hints))
    return "template_tokens" if ("<" in text or "[" in text) and _TEMPLATE_TOKEN.search(text) else ""


def clean(text: str) -> str:
    """One line of text: white space folded, control characters gone. Raises TypeError for anything but text."""
    if not isinstance(text, str):
        raise TypeError("not a text")
    if text.isprintable() and "  " not in text and text == text.strip():
        return text  # as most are
    folded = " ".join(text.split())
    return folded if folded.isprintable() else " ".join(_CONTROL.sub("", text).split())
