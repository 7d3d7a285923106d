"""One `up` for each HINTRELAY_HOME: two would share a Valkey that ends with the first."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from common.errors import Conflict


@contextlib.contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the lock of `home` while the block runs; it goes with the process, however that ends. Raises Conflict."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "up.lock").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            file.seek(0)
            raise Conflict(
                f"hintrelay up runs already (process {file.read().strip() or 'unknown'}) with its data in {home}",
                hint="use that one, or give another --home and another --redis-url",
            ) from exc
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
