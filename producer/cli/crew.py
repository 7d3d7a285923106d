"""The processes of `up` and `demo`, as children of a supervisor."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from common import embedded
from common.settings import Settings
from common.supervisor import Child, Supervisor

FATAL = frozenset({2, 3})  #: usage and configuration: starting again is no use
ROLES = {
    "platform": ("worker", "celery", "platform"),
    "hints": ("worker", "celery", "hints"),
    "inbox": ("worker", "inbox"),
    "beat": ("worker", "beat"),
}


def has_hints() -> bool:
    """Whether this installation can generate and score: the extra `hints`."""
    return importlib.util.find_spec("hinteval") is not None


def roles(env: Mapping[str, str], *, logs: Path | None, with_hints: bool = True) -> list[Child]:
    """Both workers, the inbox reader and the beat."""
    wanted = {name: args for name, args in ROLES.items() if with_hints or name != "hints"}
    return [python(name, args, env, logs) for name, args in wanted.items()]


def python(name: str, args: Sequence[str], env: Mapping[str, str], logs: Path | None) -> Child:
    """`python -m args`; its output goes to a file under `logs`, where that is given."""
    return Child(name, _logged([sys.executable, "-m", *args], name, logs), env)


def leashed(name: str, argv: Sequence[str], env: Mapping[str, str], logs: Path | None) -> Child:
    """A program that does not know of us, on a leash: it ends when this process does, even by kill -9."""
    return python(name, ["common.leash", *argv], env, logs)


def valkey(settings: Settings, logs: Path | None) -> Child:
    """The embedded Valkey at the port of the store's URL, its data under home."""
    port = urlsplit(settings.redis_url).port or 6379
    return leashed("valkey", embedded.argv(settings.home / "valkey", port), {"PYTHONPATH": here()}, logs)


def _logged(argv: Sequence[str], name: str, logs: Path | None) -> list[str]:
    if logs is None:
        return list(argv)
    logs.mkdir(parents=True, exist_ok=True)
    return ["/bin/sh", "-c", 'exec "$@" >>"$0" 2>&1', str(logs / f"{name}.log"), *argv]


class Crew:
    """Roles and the store under them: the store starts first and stops last, so that workers end in peace."""

    def __init__(self, children: Sequence[Child], store: Child | None) -> None:
        self.roles = Supervisor(children, fatal=lambda code: code in FATAL)
        self._store = Supervisor([store]) if store else None
        self._keeper = threading.Thread(target=self._store.run, daemon=True) if self._store else None

    @property
    def has_store(self) -> bool:
        """Whether an embedded Valkey is part of it."""
        return self._store is not None

    def start_store(self, url: str) -> None:
        """Returns when it answers. Raises Unreachable."""
        if self._store is None or self._keeper is None:
            return
        self._store.start()
        try:
            embedded.await_ready(url, self._store.children[0].process)
        except BaseException:
            self._store.stop_children()
            raise
        self._keeper.start()

    def stop_store(self) -> None:
        if self._store is not None and self._keeper is not None and self._keeper.is_alive():
            self._store.stop()
            self._keeper.join()

    def run(self) -> int:
        """Until `roles.stop`, a signal or a fatal end; all are stopped then."""
        try:
            self.roles.start()
            return self.roles.run()
        finally:
            self.stop_store()


def stop_on_signals(crew: Crew) -> None:
    """Ctrl-C and SIGTERM stop the crew; a second Ctrl-C does nothing more, the first has all in hand."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, crew.roles.stop)


def here() -> str:
    """PYTHONPATH under which children find the same hintrelay, from whatever folder they start."""
    root = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(dict.fromkeys([root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]))
