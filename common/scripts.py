"""The Lua scripts, loaded from their files and registered with one Redis client."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from common.connection import Client

NAMES = (
    "create claim take take_tick enter renew move defer note register wish wake take_due postpone admit await_slot "
    "hand_on pace slow_down endpoint_want endpoint_share endpoint_move endpoint_close "
    "payer join_run leave_run reserve settle compact expire"
).split()


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
