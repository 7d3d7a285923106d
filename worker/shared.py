"""Work that several jobs need and one of them does: pieces under a name made of all that decides what they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from worker.ports import Desk


def fingerprint(*parts: object) -> str:
    """Equal for equal parts; parts are what JSON can hold."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


class SharedShelf:
    """Pieces that outlive the job that made them. The first of two under one key stands: all jobs read the same."""

    def __init__(self, desk: Desk, name: str) -> None:
        self._desk = desk
        self._name = name

    def keep(self, pieces: Mapping[str, str]) -> None:
        if pieces:
            self._desk.share(self._name, pieces)

    def kept(self) -> dict[str, str]:
        return self._desk.shared(self._name)
