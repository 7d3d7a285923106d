"""What a tuned model knows: the questions and hints of its training file."""

import re
from collections import OrderedDict
from typing import Any

import orjson

from .prompts import parse_prompt, same_question
from .state import State

#: parsed training files kept in memory
KEPT = 64

#: one turn of a conversation in Llama 3's template
TURN = re.compile(
    r"<\|start_header_id\|>\s*(?P<role>\w+)\s*<\|end_header_id\|>(?P<said>.*?)(?=<\|eot_id\|>|<\|start_header_id\|>|\Z)",
    re.DOTALL,
)
NUMBERING = re.compile(r"^\s*(?:\d{1,2}\s*[.):]|[-*•])\s+")

Knowledge = dict[str, list[str]]


def learn(body: bytes) -> Knowledge:
    """Questions (in their `same_question` form) and their hints, from rows of any format."""
    known: Knowledge = {}
    for line in body.split(b"\n"):
        asked, said = _exchange(_row(line))
        request = parse_prompt(asked)
        if request is not None and said:
            known.setdefault(same_question(request.question), numbered(said))
    return known


def numbered(text: str) -> list[str]:
    """The hints in an answer: its lines, without numbers."""
    lines = (NUMBERING.sub("", line).strip() for line in text.splitlines())
    return [line for line in lines if line]


def _row(line: bytes) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return row if isinstance(row, dict) else {}


def _exchange(row: dict[str, Any]) -> tuple[str, str]:
    """What a row asks and what it answers; the last of each counts."""
    if isinstance(row.get("messages"), list):
        said = {str(turn.get("role")): str(turn.get("content")) for turn in row["messages"]}
        return said.get("user", ""), said.get("assistant", "")
    if isinstance(row.get("text"), str):
        said = {turn["role"]: turn["said"] for turn in TURN.finditer(row["text"])}
        return said.get("user", ""), said.get("assistant", "")
    return str(row.get("prompt", "")), str(row.get("completion", ""))


class Library:
    """Training files as knowledge, parsed when first asked for."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._parsed: OrderedDict[str, Knowledge] = OrderedDict()

    def of(self, file_id: str) -> Knowledge:
        """What was trained with that file."""
        if file_id not in self._parsed:
            self._parsed[file_id] = learn(self._state.content(file_id) or b"")
            if len(self._parsed) > KEPT:
                self._parsed.popitem(last=False)
        self._parsed.move_to_end(file_id)
        return self._parsed[file_id]
