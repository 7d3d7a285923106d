"""The Lua scripts, loaded from their files and registered with one Redis client."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from common.connection import Client

NAMES = (
    "create claim take enter renew move defer note register wish wake take_due postpone admit await_slot hand_on pace "
    "slow_down endpoint_want endpoint_share endpoint_move endpoint_close "
    "payer join_run leave_run reserve settle"
).split()

Call = tuple[Any, list[str], list[Any]]  #: a script, its keys, its arguments


@cache
def source(name: str) -> str:
    """The text of common/lua/<name>.lua, behind the parts that its header says it uses."""
    text = _file(name)
    used = re.search(r"^-- uses (.+)$", text, re.MULTILINE)
    return "".join(_file(f"parts/{part}") for part in used[1].split(", ")) + text if used else text


def _file(name: str) -> str:
    return Path(__file__).with_name("lua").joinpath(f"{name}.lua").read_text("utf-8")


class Scripts:
    """Every script as a callable `(keys=, args=, client=)`: EVALSHA, and its source where the server lacks it."""

    def __init__(self, client: Client) -> None:
        for name in NAMES:
            setattr(self, name, client.register_script(source(name)))

    def __getattr__(self, name: str) -> Any:  # only for type checkers: all are set above
        raise AttributeError(name)


def at_once(client: Client, calls: Sequence[Call]) -> list[Any]:
    """The answers of several scripts in one round trip, by the shortest way through redis-py.

    Its commands go through layers of retries, metrics and options that take two thirds of the time of a call, and its
    pipelines first ask whether the server knows the scripts. Where anything is out of the ordinary, each script is
    called in the usual way, once more: all of ours can stand that.
    """
    from redis.exceptions import ConnectionError, NoScriptError, ResponseError, TimeoutError

    connection = client.connection_pool.get_connection()
    answers: list[Any] = []
    try:
        commands = [("EVALSHA", script.sha, len(keys), *keys, *args) for script, keys, args in calls]
        connection.send_packed_command(connection.pack_commands(commands))
        for _ in calls:
            try:
                answers.append(connection.read_response())
            except ResponseError as exc:
                answers.append(exc)
    except (ConnectionError, TimeoutError, OSError):
        connection.disconnect()
        return [script(keys=keys, args=args) for script, keys, args in calls]
    except BaseException:
        connection.disconnect()  # an answer may be on its way still
        raise
    finally:
        client.connection_pool.release(connection)
    for number, (script, keys, args) in enumerate(calls):
        if isinstance(answers[number], NoScriptError):  # a server that was restarted
            answers[number] = script(keys=keys, args=args)
        elif isinstance(answers[number], ResponseError):
            raise answers[number]
    return answers
