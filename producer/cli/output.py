"""Data on stdout as table, JSON or JSON lines; talk on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from unicodedata import category, east_asian_width

import click

from common.collector import resting_collector
from common.paging import pages

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

F = TypeVar("F", bound=Callable[..., Any])
FORMATS = ("table", "json", "jsonl")
MANY = 100  #: objects that are worth the import of orjson
PAGE = 500  #: objects that are written at once
COLOURS_FORCED = {"FORCE_COLOR", "TTY_COMPATIBLE"}  #: as rich goes by them


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
    if utf8 and not one_line and isinstance(value, list) and len(value) >= MANY and (text := _indented(value)):
        return text
    return json.dumps(value, ensure_ascii=not utf8, indent=None if one_line else 2, default=str)


def _indented(value: Any) -> str:
    """As json.dumps, which indents in plain Python and takes ten times as long; empty for what orjson will not take."""
    import orjson

    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode()
    except TypeError:  # a lone surrogate, a huge number
        return ""


def emit(value: Any, output: str) -> None:
    """One object."""
    click.echo(json_text(value, one_line=output == "jsonl"))


@resting_collector()
def emit_all(values: Iterable[Any], output: str) -> None:
    """Many objects: an array, or one object a line. However many there are, a page of them is held at once."""
    before = "[\n"
    for page in pages(values, PAGE):
        if output == "json":
            click.echo(before + json_text(page)[2:-2], nl=False)
            before = ",\n"
        else:
            click.echo("\n".join(json_text(value, one_line=True) for value in page))
    if output == "json":
        click.echo("[]" if before == "[\n" else "\n]")


def say(text: str = "") -> None:
    """Talk, on stderr."""
    click.echo(text, err=True)


def leave(code: int) -> NoReturn:
    """End the command with an exit code; its words have been said."""
    raise click.exceptions.Exit(int(code))


def plain(stream: object) -> bool:
    """Whether nobody sees colours there: then text is printed without rich, which takes 0.1 s to import."""
    isatty = getattr(stream, "isatty", None)
    return not (isatty and isatty()) and not COLOURS_FORCED.intersection(os.environ)


def console(*, err: bool = False) -> Console:
    """A rich console that takes text as it is; off a TTY as wide as its text."""
    from rich.console import Console

    stream = sys.stderr if err else sys.stdout
    plain: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False, "file": stream}
    made = Console(**plain)
    return made if made.is_terminal else Console(**plain, width=100_000)


LEAST = {"NAME": 12}  #: cells that a column keeps, other than the last, which may be cut at all
LEAST_OF_LAST = 20


def fit(columns: Sequence[Sequence[str]], room: int, gives_way: Sequence[str] = ()) -> dict[str, int]:
    """Head -> width, of the columns to be shown: `gives_way` goes first, then NAME is cut, then the last column."""
    from rich.cells import cell_len

    widths = {column[0]: max(map(cell_len, column)) for column in columns}
    last = columns[-1][0]
    for head in (*gives_way, None):
        left = room - sum(width + 2 for name, width in widths.items() if name != last)
        if left >= min(widths[last], LEAST_OF_LAST):
            break
        if head is not None:
            del widths[head]
    for name, least in LEAST.items():
        missing = min(widths[last], LEAST_OF_LAST) - left
        if name in widths and missing > 0:
            given = min(missing, max(0, widths[name] - least))
            widths[name] -= given
            left += given
    return {**widths, last: max(1, min(widths[last], left))}


def print_table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str | Text]],
    *,
    err: bool = False,
    gives_way: Sequence[str] = (),
) -> None:
    """A table; where a TTY is narrow, columns give way, and names and the last column are cut. Others never are."""
    if plain(sys.stderr if err else sys.stdout):
        click.echo(_columns([heads, *rows]), err=err)
        return
    from rich.table import Table

    out = console(err=err)
    table = Table(box=None, pad_edge=False, header_style="bold")
    widths = fit([[str(cell) for cell in column] for column in zip(heads, *rows, strict=True)], out.width, gives_way)
    out.width = max(out.width, sum(width + 2 for width in widths.values()))
    for head, width in widths.items():
        table.add_column(head, no_wrap=True, overflow="ellipsis", width=width)
    for row in rows:
        table.add_row(*(cell for head, cell in zip(heads, row, strict=True) if head in widths))
    with out.capture() as captured:
        out.print(table)
    text = "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n"))
    click.echo(text, err=err, color=True if out.is_terminal else None)


def _columns(rows: Sequence[Sequence[str | Text]]) -> str:
    """Rows as lines of text, in columns two spaces apart; as rich prints them off a terminal."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*texts, strict=True)]
    padded = [[cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)] for row in texts]
    return "\n".join("  ".join(row).rstrip() for row in padded)


def _width(text: str) -> int:
    """Cells: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(0 if category(char) in {"Mn", "Me", "Cf"} else 1 + (east_asian_width(char) in "WF") for char in text)


def print_facts(facts: Iterable[tuple[str, str | Text]]) -> None:
    """Names and values, one a line; a value wraps under itself."""
    if plain(sys.stdout):
        click.echo(_columns(list(facts)))
        return
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
