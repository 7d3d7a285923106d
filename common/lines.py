"""A row's line of the training file."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from common.dataset import Row
from common.prompts import Format, ask, dialogue, numbered


def line_of(form: Format) -> Callable[[Row], bytes]:
    """What makes a row's line of the training file: JSON Lines, each as `training_row` says.

    Lines differ in what the two say alone: the rest is made once.
    """
    frame = orjson.dumps(dialogue(form, "<user>", "<assistant>"), option=orjson.OPT_APPEND_NEWLINE)
    before, _, rest = frame.partition(b"<user>")
    between, _, after = rest.partition(b"<assistant>")

    def line(row: Row) -> bytes:
        user = orjson.dumps(ask(row.question, row.answer, len(row.hints)))
        assistant = orjson.dumps(numbered(row.hints))
        return b"".join((before, user[1:-1], between, assistant[1:-1], after))

    return line
