"""A client for a few reads by a short-lived process: redis-py takes longer to import than `ls` to do all its work.

It knows plain redis:// URLs and what `Records` reads. Whatever else is asked, or goes wrong, it leaves to redis-py,
which asks once more and has the words for it: a read can be repeated.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

import hiredis

from common.connection import CONNECT_TIMEOUT_S, SOCKET_TIMEOUT_S, Client, connect

Asked: TypeAlias = tuple[Any, ...]
CHUNK = 65536

#: method of redis-py -> what it makes of the answer; the command has the method's name and the arguments' order
READS: dict[str, Callable[[Any], Any]] = {
    "hgetall": lambda flat: dict(zip(flat[::2], flat[1::2], strict=True)),
    **dict.fromkeys("eval exists hget zcard zrange zrevrange".split(), lambda answer: answer),
    "smembers": set,
}


class Unanswered(Exception):  # it is no error: redis-py is asked instead
    """No answer, or one that redis-py should deal with."""


def client(url: str) -> Client:
    """A client of `url` for reading; connects at the first command."""
    return QuickClient(url, urlsplit(url)) if is_plain(url) else connect(url)


def is_plain(url: str) -> bool:
    """Whether `url` is a redis:// one that says no more than host, port, login and database."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError for one that is none
    except ValueError:
        return False
    database = parts.path.strip("/")
    return parts.scheme == "redis" and not parts.query and (not database or database.isdecimal())


class QuickClient:
    """redis-py's methods of READS, and pipelines of them."""

    def __init__(self, url: str, parts: SplitResult) -> None:
        self._url = url
        self._parts = parts
        self._socket: socket.socket | None = None
        self._reader = hiredis.Reader(encoding="utf-8")
        self._full: Client = None

    def __getattr__(self, name: str) -> Any:
        def read(*args: Any, **options: Any) -> Any:
            return getattr(self.full(), name)(*args, **options) if options else self.ask([(name, *args)])[0]

        return read if name in READS else getattr(self.full(), name)

    def pipeline(self, transaction: bool = False) -> Any:
        return self.full().pipeline(transaction=True) if transaction else QuickPipeline(self)

    def full(self) -> Client:
        """redis-py's client, from the first thing on that this one cannot do."""
        if self._full is None:
            self.close()
            self._full = connect(self._url)
        return self._full

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._full is not None:
            self._full.close()

    def ask(self, commands: list[Asked]) -> list[Any]:
        """The answers, in one round trip."""
        if self._full is None and all(name in READS for name, *_ in commands):
            try:
                answers = self._answers(commands)
                return [READS[name](answer) for (name, *_), answer in zip(commands, answers, strict=True)]
            except (OSError, Unanswered, hiredis.HiredisError):
                pass
        pipe = self.full().pipeline(transaction=False)
        for name, *args in commands:
            getattr(pipe, name)(*args)
        return list(pipe.execute())

    def _answers(self, commands: list[Asked]) -> list[Any]:
        greeting = self._greeting() if self._socket is None else []
        if self._socket is None:
            self._socket = socket.create_connection(
                (self._parts.hostname or "localhost", self._parts.port or 6379), timeout=CONNECT_TIMEOUT_S
            )
            self._socket.settimeout(SOCKET_TIMEOUT_S)
        asked = greeting + commands
        self._socket.sendall(b"".join(hiredis.pack_command(tuple(_words(command))) for command in asked))
        return [self._answer() for _ in asked][len(greeting) :]

    def _greeting(self) -> list[Asked]:
        user, password = unquote(self._parts.username or ""), unquote(self._parts.password or "")
        login = [("auth", *filter(None, [user]), password)] if password else []
        database = self._parts.path.strip("/")
        return [*login, *([("select", database)] if database not in {"", "0"} else [])]

    def _answer(self) -> Any:
        assert self._socket is not None, "connected"
        while (answer := self._reader.gets()) is False:
            data = self._socket.recv(CHUNK)
            if not data:
                raise Unanswered
            self._reader.feed(data)
        if isinstance(answer, hiredis.ReplyError):
            raise Unanswered
        return answer


class QuickPipeline:
    """Collects commands, and asks them in one round trip."""

    def __init__(self, client: QuickClient) -> None:
        self._client = client
        self._commands: list[Asked] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self._commands.append((name, *args))

    def execute(self) -> list[Any]:
        return self._client.ask(self._commands)


def _words(command: Iterable[Any]) -> Iterable[Any]:
    name, *args = command
    return [name.upper(), *args]


def store_url(flags: Mapping[str, Any]) -> str | None:
    """HINTRELAY_REDIS_URL as `settings.load` would give it, read without pydantic; None where that has to be asked."""
    from pathlib import Path

    from common import layers
    from common.urls import DEFAULT_REDIS_URL

    if Path("hintrelay.toml").is_file():
        return None
    url = layers.read({"redis_url": "HINTRELAY_REDIS_URL"}, {"redis_url": flags.get("redis_url")}).get("redis_url")
    url = str(url or DEFAULT_REDIS_URL)
    return url if is_plain(url) else None
