"""Tables and verdicts, for the screen and for the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.kit.rounds import Benchmark, Column, Spread, Table, Verdict

FAULT_WIDTH = 90
COARSE = 100  #: from a goal of so much on, what is measured is shown in whole numbers


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
    columns = [f"{one.heading}, {one.own_unit}" if one.own_unit else one.heading for one in bench.columns]
    return ["", *columns, "rounds"]


def lines(bench: Benchmark, table: Table) -> Iterator[list[str]]:
    """One line a subject, in the order of the rounds; who gave nothing has its fault there."""
    for name, rounds in table.rows.items():
        if rounds:
            yield [name, *(_cell(table, name, column) for column in bench.columns), str(len(rounds))]
    for name, fault in table.faults.items():
        if not table.rows.get(name):
            yield [name, f"broke: {_first(fault)}", *[""] * (len(bench.columns) - 1), "0"]


def remarks(bench: Benchmark, table: Table) -> list[str]:
    """What is to be said below the table: rounds that were cut short, who broke later on, the benchmark's own notes."""
    late = [
        f"{name} broke in a later round: {_first(fault)}"
        for name, fault in table.faults.items()
        if table.rows.get(name)
    ]
    rounds = [f"rounds: {table.rounds}"] if table.rounds else []
    return rounds + late + bench.notes(table)


def _first(fault: str) -> str:
    """The first line, short enough for a cell."""
    line = next(iter(fault.splitlines()), "no reason given")
    return line if len(line) <= FAULT_WIDTH else f"{line[: FAULT_WIDTH - 3]}..."


def _cell(table: Table, name: str, column: Column) -> str:
    return cell(table.spread(name, column.key), column.digits)


def sentence(verdict: Verdict) -> str:
    """`met: 3.4 x [3.1 to 3.6], at least 3 x: ...`."""
    goal, seen, word = verdict_cells({**asdict(verdict), "met": verdict.met})
    return f"{word}: {seen}; goal: {goal}: {verdict.goal}"


def verdict_cells(verdict: Mapping[str, Any]) -> tuple[str, str, str]:
    """(the goal, what was measured, the word) of a verdict, as it stands in the JSON."""
    word = {True: "met", False: "NOT met", None: "not measured"}[verdict["met"]]
    side, unit = "at least" if verdict["at_least"] else "at most", verdict["unit"]
    measured = verdict["measured"]
    seen = (
        f"{cell(Spread(**measured), 2 if verdict['limit'] < COARSE else 0)} {unit}" if measured else "a side is missing"
    )
    note = f" ({verdict['note']})" if verdict["note"] else ""
    return f"{side} {verdict['limit']:g} {unit}", seen + note, word


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
    for note in remarks(bench, table):
        console.print(f"  {note}", highlight=False)
