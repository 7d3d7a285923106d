"""Work that several jobs need and one of them does: pieces under a name made of all that decides what they are."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from common.errors import ArtifactLost
from common.job import Pointer
from worker.ports import Artifacts, Desk

RENEW_S = 10.0  #: between two renewals of the right to do it, which lasts a minute


class Busy(Exception):
    """Another job is at it: wait for what it makes."""


class Awaited(Exception):
    """An endpoint has to be there first: the job is woken when it is."""


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

    def kept_ids(self) -> set[str]:
        return self._desk.shared_ids(self._name)

    def kept_of(self, keys: Sequence[str]) -> dict[str, str]:
        return self._desk.shared_of(self._name, keys)

    def clear(self) -> None:
        self._desk.unshare(self._name)


class Turn:
    """What the one job that does it holds: a shelf for its pieces, and the right to be at it, renewed as it works."""

    def __init__(self, desk: Desk, name: str) -> None:
        self.shelf = SharedShelf(desk, f"pieces:{name}")
        self._desk = desk
        self._name = name
        self._renewed = time.monotonic()

    def check(self) -> None:
        """Raise when the work is to end, as the desk does. A turn that was lost to another job costs it some pieces."""
        self._desk.check()
        if time.monotonic() - self._renewed > RENEW_S:
            self._renewed = time.monotonic()
            self._desk.alone(self._name)

    def progress(self, done: int, total: int) -> None:
        self._desk.progress(done, total)


def once(name: str, artifacts: Artifacts, desk: Desk, folder: Path, make: Callable[[Turn], Path]) -> Path:
    """The file that `make` makes, made once for all jobs, or a copy in `folder`: a crash loses no piece of it. Raises
    Busy."""
    made = SharedShelf(desk, f"made:{name}")
    path = _found(made, artifacts, folder)
    if path is not None:
        return path
    if not desk.alone(name):
        raise Busy
    turn = Turn(desk, name)
    path = _found(made, artifacts, folder) or make(turn)
    made.keep({"artifact": json.dumps(artifacts.put_file(path).dump())})
    turn.shelf.clear()
    return path


def _found(made: SharedShelf, artifacts: Artifacts, folder: Path) -> Path | None:
    raw = made.kept().get("artifact")
    if raw is None:
        return None
    pointer = json.loads(raw)
    try:
        return artifacts.local(Pointer(pointer["sha256"], pointer["size"]), ".json", folder)
    except ArtifactLost:
        made.clear()
        return None
