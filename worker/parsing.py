"""A model's answer into hints. HintEval's own parser loses some (facts: numbering past 10, blank lines, years)."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"^[\s>#*_]*(?:hint\s*#?\s*)?\(?(\d{1,2})[*_]*\s*[.):][*_]*(?=\s|\D)\s*", re.IGNORECASE)
_HINT_WORD = re.compile(r"^[\s>#*_]*hint\s*#?\s*\d{1,2}\b[*_]*\s*[-–—:.)]?\s*[*_]*\s*", re.IGNORECASE)
_BULLET = re.compile(r"^\s*(?:[-•–—]|\*(?!\*))\s+")
_WRAPPED = (('"', '"'), ("“", "”"), ("'", "'"), ("**", "**"), ("*", "*"), ("_", "_"))


def parse_hints(text: str | None) -> list[str]:
    """The hints in an answer, in order, without numbers, bullets, preamble and farewell."""
    lines = [line.rstrip() for line in (text or "").strip().splitlines()]
    for marker in (_numbered, _bulleted):
        if any(marker(line) is not None for line in lines):
            return _items(lines, marker)
    plain = [line.strip() for line in lines if line.strip()]
    if len(plain) > 1 and plain[0].endswith(":"):
        plain = plain[1:]
    return [hint for line in plain if (hint := _bare(line))]


def _numbered(line: str) -> str | None:
    """What follows the number; None for a line that begins no hint."""
    for pattern in (_HINT_WORD, _NUMBER):
        match = pattern.match(line)
        if match:
            return line[match.end() :]
    return None


def _bulleted(line: str) -> str | None:
    match = _BULLET.match(line)
    return line[match.end() :] if match else None


def _items(lines: list[str], marker: object) -> list[str]:
    """Items begin at marked lines; unmarked ones go on with the item, unless a blank line came between."""
    items: list[list[str]] = []
    open_item = False
    for line in lines:
        begun = marker(line)  # type: ignore[operator]  # one of the two functions above
        if begun is not None:
            items.append([begun])
            open_item = True
        elif not line.strip():
            open_item = bool(items) and not any(part.strip() for part in items[-1])
        elif open_item:
            items[-1].append(line)
    return [hint for item in items if (hint := _bare(" ".join(item)))]


def _bare(text: str) -> str:
    text = " ".join(text.split())
    for left, right in _WRAPPED:
        inner = text[len(left) : -len(right)]
        if len(text) > len(left) + len(right) and text.startswith(left) and text.endswith(right) and left not in inner:
            text = inner.strip()
    return text
