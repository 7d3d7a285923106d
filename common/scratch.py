"""Folders of this machine for what a stage needs while it works: gone with who made them, however that one ended."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = ".lock"  #: held in each folder while its maker lives; the system lets go of it when a process is killed


class Scratch:
    """Folders under `root`, each locked by the process that made it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder, removed at the end; where the process was killed before that, by the next `sweep`."""
        path, lock = self._made()
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
            os.close(lock)

    def sweep(self) -> int:
        """Remove the folders that nobody holds; how many."""
        if not self._root.is_dir():
            return 0
        left = 0
        for path in [one for one in self._root.iterdir() if one.is_dir()]:
            lock = _locked(path)
            if lock is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)
                left += 1
        return left

    def _made(self) -> tuple[Path, int]:
        while True:
            path = self._root / secrets.token_hex(8)
            path.mkdir(parents=True, mode=0o700)
            lock = _locked(path)
            if lock is not None:
                if path.is_dir():
                    return path, lock
                os.close(lock)  # a sweep came between


def _locked(path: Path) -> int | None:
    """The lock of a folder; None where somebody has it, or the folder is gone."""
    try:
        file = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file
