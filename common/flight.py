"""Script calls on their way: each is sent at once, and the answers of all are waited for together."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from common.connection import Client

Call = tuple[Any, list[str], list[Any]]  #: a script, its keys, its arguments


class Flight:
    """Calls of one thread, by the shortest way through redis-py; ends its connection when it is left without `land`.

    redis-py's commands go through layers of retries, metrics and options that take two thirds of the time of a call,
    and its pipelines first ask whether the server knows the scripts, and send nothing before all is known. Where
    anything is out of the ordinary, each script is called in the usual way, once more: all of ours can stand that.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._connection: Any = None
        self._broken = False
        self._calls: list[Call] = []

    def __enter__(self) -> Flight:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._connection is not None:  # answers may be on their way still
            self._connection.disconnect()
            self._release()

    def send(self, script: Any, keys: list[str], args: list[Any]) -> None:
        """Send a call. What happens to it is told by `land`."""
        from redis.exceptions import ConnectionError, TimeoutError

        self._calls.append((script, keys, args))
        if self._broken:
            return
        try:
            first = self._connection is None
            if first:
                self._connection = self._client.connection_pool.get_connection()
            packed = self._connection.pack_command("EVALSHA", script.sha, len(keys), *keys, *args)
            self._connection.send_packed_command(packed, check_health=first)  # its PING would take another's answer
        except (ConnectionError, TimeoutError, OSError):
            self._broken = True

    def land(self) -> list[Any]:
        """The answers, in the order of the calls; they may find done already what they ask for."""
        from redis.exceptions import ConnectionError, NoScriptError, ResponseError, TimeoutError

        answers: list[Any] = []
        try:
            if not self._broken:
                for _ in self._calls:
                    answers.append(self._read(ResponseError))
        except (ConnectionError, TimeoutError, OSError):
            self._broken = True
        if self._broken:
            self.__exit__(None, None, None)
            return [script(keys=keys, args=args) for script, keys, args in self._calls]
        self._release()
        for number, (script, keys, args) in enumerate(self._calls):
            if isinstance(answers[number], NoScriptError):  # a server that was restarted
                answers[number] = script(keys=keys, args=args)
            elif isinstance(answers[number], ResponseError):
                raise answers[number]
        return answers

    def _read(self, refusal: type[Exception]) -> Any:
        try:
            return self._connection.read_response()
        except refusal as exc:
            return exc

    def _release(self) -> None:
        if self._connection is not None:
            self._client.connection_pool.release(self._connection)
            self._connection = None
