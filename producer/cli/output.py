"""Data on stdout as table, JSON or JSON lines; talk on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

F = TypeVar("F", bound=Callable[..., Any])
FORMATS = ("table", "json", "jsonl")


def output_option(command: F) -> F:
    """`-o`, as every command that prints data has it."""
    return click.option(
        "-o",
        "--format",
        "output",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="How data looks.",
    )(command)


def json_text(value: Any, *, one_line: bool = False) -> str:
    """`value` as JSON; in ASCII where stdout is not UTF-8."""
    utf8 = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    return json.dumps(value, ensure_ascii=not utf8, indent=None if one_line else 2, default=str)


def emit(value: Any, output: str) -> None:
    """One object."""
    click.echo(json_text(value, one_line=output == "jsonl"))


def emit_all(values: Iterable[Any], output: str) -> None:
    """Many objects: an array, or one object a line."""
    if output == "json":
        click.echo(json_text(list(values)))
        return
    for value in values:
        click.echo(json_text(value, one_line=True))


def say(text: str = "") -> None:
    """Talk, on stderr."""
    click.echo(text, err=True)


def leave(code: int) -> NoReturn:
    """End the command with an exit code; its words have been said."""
    raise click.exceptions.Exit(int(code))


def console(*, err: bool = False) -> Console:
    """A rich console that takes text as it is; off a TTY as wide as its text."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    plain: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False, "file": stream}
    made = Console(**plain)
    return made if made.is_terminal else Console(**plain, width=100_000)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str | Text]], *, err: bool = False) -> None:
    """A table; on a TTY its last column is cut to the width that is left."""
    from rich.cells import cell_len
    from rich.table import Table

    out = console(err=err)
    table = Table(box=None, pad_edge=False, header_style="bold")
    widths = [max(cell_len(str(cell)) for cell in column) for column in zip(heads, *rows, strict=True)]
    room = max(20, out.width - sum(width + 2 for width in widths[:-1]))
    for number, head in enumerate(heads):
        last = number == len(heads) - 1
        table.add_column(head, no_wrap=True, overflow="ellipsis", max_width=room if last else None)
    for row in rows:
        table.add_row(*row)
    with out.capture() as captured:
        out.print(table)
    text = "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n"))
    click.echo(text, err=err, color=True if out.is_terminal else None)


def print_facts(facts: Iterable[tuple[str, str | Text]]) -> None:
    """Names and values, one a line; a value wraps under itself."""
    from rich.table import Table

    out = console()
    table = Table.grid(padding=(0, 2), pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, value)
    with out.capture() as captured:
        out.print(table)
    text = "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n"))
    click.echo(text, color=True if out.is_terminal else None)
