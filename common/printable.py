"""Text from outside, made harmless for a terminal, a log line or a Redis value."""

from __future__ import annotations


def printable(text: str, keep_lines: bool = False) -> str:
    """`text` with control characters, lone surrogates and the like escaped."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or (keep_lines and char == "\n") else char.encode("unicode_escape").decode()
        for char in text
    )


def storable(text: str) -> str:
    """`text` as UTF-8 can hold it: lone surrogates, which JSON may bring, are escaped."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
