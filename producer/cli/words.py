"""Values from outside as words for a table."""

from __future__ import annotations

from typing import Any

from common.printable import printable


def word(value: Any) -> str:
    """`value` on one line; mappings as `name value, name value`, None as nothing."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {word(inner)}" for name, inner in value.items() if inner is not None)
    if isinstance(value, list):
        return ", ".join(map(word, value))
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else printable(" ".join(str(value).split()))
