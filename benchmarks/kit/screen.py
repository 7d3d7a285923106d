"""Tables and verdicts, for the screen and for the page."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.kit.rounds import Benchmark, Column, Spread, Table, Verdict


def number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}"


def cell(spread: Spread | None, digits: int) -> str:
    """Median, and the range in brackets where there is one."""
    if spread is None:
        return ""
    middle = number(spread.median, digits)
    least, most = number(spread.least, digits), number(spread.most, digits)
    return middle if least == most else f"{middle} [{least} to {most}]"


def heads(bench: Benchmark) -> list[str]:
    return ["", *(f"{column.heading}{f', {column.unit}' if column.unit else ''}" for column in bench.columns)]


def lines(bench: Benchmark, table: Table) -> Iterator[list[str]]:
    """One line a subject, in the order of the rounds."""
    for name in filter(table.rows.get, table.rows):
        yield [name, *(_cell(table, name, column) for column in bench.columns)]
    for name, fault in table.faults.items():
        if not table.rows.get(name):
            yield [name, f"broke: {fault.splitlines()[0][:60]}", *[""] * (len(bench.columns) - 1)]


def _cell(table: Table, name: str, column: Column) -> str:
    return cell(table.spread(name, column.key), column.digits)


def sentence(verdict: Verdict) -> str:
    """`met: 3.4 x [3.1 to 3.6], at least 3 x: ...`."""
    word = {True: "met", False: "NOT met", None: "not measured"}[verdict.met]
    side = "at least" if verdict.at_least else "at most"
    digits = 2 if verdict.unit == "x" else 1
    seen = f"{cell(verdict.measured, digits)} {verdict.unit}" if verdict.measured else "a side is missing"
    note = f" ({verdict.note})" if verdict.note else ""
    return f"{word}: {seen}; goal: {side} {verdict.limit:g} {verdict.unit}: {verdict.goal}{note}"


def show(console: Console, bench: Benchmark, table: Table, verdicts: list[Verdict]) -> None:
    """A benchmark's table, its goals, its notes."""
    drawn = RichTable(title=f"{bench.name}: {bench.title}", caption=bench.about, title_justify="left")
    for position, head in enumerate(heads(bench)):
        drawn.add_column(head, justify="right" if position else "left", no_wrap=not position)
    for line in lines(bench, table):
        drawn.add_row(*line)
    console.print(drawn)
    for verdict in verdicts:
        style = {True: "green", False: "red", None: "yellow"}[verdict.met]
        console.print(f"  {sentence(verdict)}", style=style, highlight=False)
    for note in bench.notes(table):
        console.print(f"  {note}", highlight=False)
