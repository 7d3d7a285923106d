"""HintEval's own JSON form of a data set, read without HintEval: what can be trained on, what is asked."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from common.errors import InvalidSpec
from common.spec import DatasetSpec

PICKLES = (".pickle", ".pkl", ".gz", ".joblib")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,99}")
_TEMPLATE_TOKEN = re.compile(r"<\|[a-z_0-9]+\|>|<s>|</s>|\[/?INST\]")


@dataclass(frozen=True, slots=True)
class Row:
    """One question with its first answer (the one that HintEval uses) and its hints, all cleaned."""

    id: str
    question: str
    answer: str
    hints: tuple[str, ...]


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


def parse(data: bytes, source: str) -> dict[str, Any]:
    """The data set's `subsets`. Raises InvalidSpec when `data` is not HintEval JSON."""
    refuse_pickle(source, data)
    try:
        document = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as exc:
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as bad:
            raise InvalidSpec(f"dataset.source: {source} is not UTF-8 (byte {bad.start})") from exc
        raise InvalidSpec(f"dataset.source: {source} is not JSON: {exc}") from exc
    subsets = document.get("subsets") if isinstance(document, dict) else None
    if not isinstance(subsets, dict):
        raise InvalidSpec(
            f"dataset.source: {source} is not HintEval JSON: it lacks the object `subsets` "
            "(Dataset.store_json makes one)"
        )
    return subsets


def instances(subsets: dict[str, Any], key: str, name: str, source: str) -> dict[str, Any]:
    """The instances of the subset that `dataset.<key>` names. Raises InvalidSpec when it is missing, odd or empty."""
    subset = subsets.get(name)
    if not isinstance(subset, dict):
        have = ", ".join(sorted(map(str, subsets))[:20]) or "none"
        raise InvalidSpec(f"dataset.{key}: {source} has no subset {name!r}; it has: {have}")
    found = subset.get("instances")
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise InvalidSpec(f"dataset.{key}: subset {name!r} of {source} is not HintEval JSON: `instances` is no object")
    if not found:
        raise InvalidSpec(f"dataset.{key}: subset {name!r} of {source} is empty")
    return found


def rows(found: dict[str, Any], source: str) -> Iterator[Row]:
    """Every instance as a row, in the file's order. Raises InvalidSpec for one that is not HintEval's."""
    for row_id, instance in found.items():
        try:
            answers = [clean(answer["answer"]) for answer in instance.get("answers") or []]
            hints = [clean(hint["hint"]) for hint in instance.get("hints") or []]
            question = clean(instance["question"]["question"])
        except (KeyError, TypeError, AttributeError) as exc:
            raise InvalidSpec(
                f"dataset.source: instance {row_id!r} of {source} is not HintEval's: it needs question.question, "
                "answers[].answer and hints[].hint as texts"
            ) from exc
        yield Row(row_id, question, answers[0] if answers else "", tuple(hint for hint in hints if hint))


def trainable(row: Row) -> str:
    """'' when a row can be trained on, else why not: no_question, no_answer, no_hints, template_tokens."""
    for reason, missing in (
        ("no_question", not row.question),
        ("no_answer", not row.answer),
        ("no_hints", not row.hints),
        ("template_tokens", any(map(_TEMPLATE_TOKEN.search, (row.question, row.answer, *row.hints)))),
    ):
        if missing:
            return reason
    return ""


@dataclass(frozen=True, slots=True)
class Selection:
    """What a spec's data set comes to: rows to train on, instances to ask for, and what was left out, counted."""

    train: list[Row]
    test: dict[str, Any]
    counts: dict[str, int]


def select(subsets: dict[str, Any], wanted: DatasetSpec) -> Selection:
    """Raises InvalidSpec when nothing is left to train on or to ask for."""
    source = wanted.source
    train: list[Row] = []
    left_out: Counter[str] = Counter()
    for row in rows(instances(subsets, "train", wanted.train, source), source):
        reason = trainable(row)
        if reason:
            left_out[reason] += 1
        else:
            train.append(row)
    if not train:
        raise InvalidSpec(f"dataset.train: no row of subset {wanted.train!r} of {source} has an answer and hints")
    found = instances(subsets, "test", wanted.test, source)
    askable = [row.id for row in rows(found, source) if row.question and row.answer][: wanted.test_limit]
    if not askable:
        raise InvalidSpec(f"dataset.test: no row of subset {wanted.test!r} of {source} has a question and an answer")
    test = {row_id: found[row_id] for row_id in askable}
    counts = {"train_rows": len(train), "test_questions": len(test), **{f"dropped_{k}": n for k, n in left_out.items()}}
    return Selection(train, test, counts)


def clean(text: str) -> str:
    """One line of text: white space folded, control characters gone. Raises TypeError for anything but text."""
    if not isinstance(text, str):
        raise TypeError("not a text")
    if not text.isprintable():
        text = "".join(char if unicodedata.category(char) != "Cc" or char.isspace() else "" for char in text)
    return " ".join(text.split())
