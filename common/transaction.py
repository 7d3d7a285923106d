"""Script calls that happen all or not at all, sent at once and answered later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.connection import Client

Call = tuple[list[str], list[Any]]  #: keys and arguments of a script


class Transaction:
    """Calls of one script between MULTI and EXEC, on their way: before `answer` there is time for other work.

    redis-py's pipeline in two halves. As there, a connection that breaks is made anew and all is sent once more, which
    all of our scripts can stand; the second fault is the caller's. Left by `drop`, it ends its connection.
    """

    def __init__(self, client: Client, script: Any, calls: Sequence[Call]) -> None:
        from redis.exceptions import ConnectionError, TimeoutError

        self._client = client
        self._script = script
        self._calls = [("EVALSHA", script.sha, len(keys), *keys, *args) for keys, args in calls]
        self._faults = (ConnectionError, TimeoutError, OSError)
        self._connection = client.connection_pool.get_connection()
        try:
            self._send()
        except self._faults:
            self._connection.disconnect()  # `answer` finds it so, and sends
        except BaseException:
            self.drop()
            raise

    def answer(self) -> list[Any]:
        """What each call returned. Raises redis-py's errors."""
        from redis.exceptions import NoScriptError

        try:
            answers = self._read()
            if any(isinstance(answer, NoScriptError) for answer in answers):  # a server that is new, or was restarted
                self._client.script_load(self._script.script)
                self._send()
                answers = self._read()
        except BaseException:
            self.drop()
            raise
        self._release()
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    def drop(self) -> None:
        """Nobody reads the answer."""
        if self._connection is not None:
            self._connection.disconnect()
            self._release()

    def _send(self) -> None:
        packed = self._connection.pack_commands([("MULTI",), *self._calls, ("EXEC",)])
        self._connection.send_packed_command([b"".join(packed)])  # Redis wakes up once

    def _read(self) -> list[Any]:
        try:
            return self._read_once()
        except self._faults:
            self._connection.disconnect()
            self._send()
            return self._read_once()

    def _read_once(self) -> list[Any]:
        """The answers, refusals among them."""
        *queued, answers = [self._one() for _ in range(len(self._calls) + 2)]
        if isinstance(answers, Exception):  # nothing was done; why was told before, as one of the calls was refused
            raise next((answer for answer in queued if isinstance(answer, Exception)), answers)
        return list(answers)

    def _one(self) -> Any:
        from redis.exceptions import ResponseError

        try:
            return self._connection.read_response()
        except ResponseError as exc:
            return exc

    def _release(self) -> None:
        self._client.connection_pool.release(self._connection)
        self._connection = None
