"""The Lua scripts, loaded from their files and registered with one Redis client."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from common.connection import Client

NAMES = "create claim renew move defer note register wish take_due postpone admit await_slot hand_on".split()


@cache
def source(name: str) -> str:
    """The text of common/lua/<name>.lua."""
    return Path(__file__).with_name("lua").joinpath(f"{name}.lua").read_text("utf-8")


class Scripts:
    """Every script as a callable `(keys=, args=, client=)`: EVALSHA, and its source where the server lacks it."""

    def __init__(self, client: Client) -> None:
        for name in NAMES:
            setattr(self, name, client.register_script(source(name)))

    def __getattr__(self, name: str) -> Any:  # only for type checkers: all are set above
        raise AttributeError(name)
