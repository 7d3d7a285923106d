"""dead: messages that could not be accepted, kept with their reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click

from common.connection import reaching
from common.dead import KEPT_BYTES, Letter
from common.errors import Conflict
from common.keys import QUEUE_INBOX
from common.printable import printable
from producer.cli.context import Tools, pass_tools
from producer.cli.output import emit, emit_all, output_option, print_facts, print_table, say


@click.group()
def dead() -> None:
    """Look after messages that could not be accepted."""


@dead.command()
@output_option
@pass_tools
def ls(tools: Tools, output: str) -> None:
    """List the letters, the oldest first."""
    letters = tools.dead.all()
    if output != "table":
        emit_all((letter.dump() for letter in letters), output)
    elif letters:
        rows = [[one.id, _at(one), str(one.size), printable(one.reason)] for one in letters]
        print_table(["LETTER", "TIME", "BYTES", "REASON"], rows)
    else:
        say("there are no dead letters")


@dead.command()
@click.argument("letter")
@output_option
@pass_tools
def show(tools: Tools, letter: str, output: str) -> None:
    """Show one letter with its body."""
    found = tools.dead.get(letter)
    if output != "table":
        emit(found.dump(), output)
        return
    facts = [
        ("letter", found.id),
        ("time", _at(found)),
        ("bytes", str(found.size)),
        ("reason", printable(found.reason)),
    ]
    print_facts([*facts, ("body", printable(found.dump()["body"], keep_lines=True))])
    if _cut(found):
        say(f"the body is cut at {KEPT_BYTES // 1024} KiB")


@dead.command()
@click.argument("letters", nargs=-1, required=True, metavar="LETTER...")
@output_option
@pass_tools
def redrive(tools: Tools, letters: Sequence[str], output: str) -> None:
    """Put letters back into the inbox, to be read again.

    All are looked at before any is put back.
    """
    found = [tools.dead.get(letter) for letter in dict.fromkeys(letters)]
    for letter in found:
        if _cut(letter):
            raise Conflict(
                f"letter {letter.id} cannot be redriven: it had {letter.size} bytes and was cut at {KEPT_BYTES}",
                hint="ask its sender to send it again",
                code="letter_cut",
            )
    for letter in found:
        with reaching(tools.settings.broker):
            tools.broker.lpush(QUEUE_INBOX, letter.body)  # as Celery's clients push; the reader takes the other end
        tools.dead.remove(letter.id)
    if output != "table":
        emit_all(({"id": letter.id, "redriven": True} for letter in found), output)
        return
    for letter in found:
        click.echo(f"{letter.id}  is back in the inbox")


def _cut(letter: Letter) -> bool:
    return letter.size > len(letter.body)


def _at(letter: Letter) -> str:
    return datetime.fromtimestamp(letter.at / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")
