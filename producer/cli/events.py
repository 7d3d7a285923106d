"""events: the history of one job."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from common.events import Event
from common.printable import printable
from producer.cli.context import Tools, pass_tools
from producer.cli.output import emit, emit_all, output_option, print_table, say
from producer.cli.words import word

LONGEST = 120  #: characters of one value in a table; JSON has all of it


@click.command()
@click.argument("job")
@click.option("-f", "--follow", is_flag=True, help="Go on until the job has ended; -o json prints then.")
@output_option
@pass_tools
def events(tools: Tools, job: str, follow: bool, output: str) -> None:
    """Show the history of one job."""
    if follow:
        with Printer(output) as printer:
            for event in tools.producer.watch(job):
                printer.add(event)
        return
    found = tools.producer.events(job)
    if output != "table":
        emit_all((event.dump() for event in found), output)
    elif found:
        print_table(["TIME", "EVENT", "MOVE", "ACTOR", "FACTS"], [row(event) for event in found])
    else:
        say("its events are no longer kept")


class Printer:
    """Events as they happen: a line each, at once; with json one array when it ends, also by Ctrl-C."""

    def __init__(self, output: str) -> None:
        self._output = output
        self._kept: list[Event] = []

    def add(self, event: Event, name: str = "") -> None:
        if self._output == "json":
            self._kept.append(event)
        else:
            print_event(event, self._output, name)

    def __enter__(self) -> Printer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._output == "json" and (kind is None or kind is KeyboardInterrupt):  # an error is the JSON otherwise
            emit_all((event.dump() for event in self._kept), "json")


def print_event(event: Event, output: str, name: str = "") -> None:
    """One line, at once; JSON is one object a line here."""
    if output != "table":
        emit(event.dump(), "jsonl")
        return
    at, kind, move, _, facts = row(event)
    words = [at, event.job, printable(name), kind, f"({move})" if move else "", facts]
    click.echo("  ".join(word for word in words if word))


def row(event: Event) -> list[str]:
    """time, type, from -> to, actor, facts."""
    at = datetime.fromtimestamp(event.at / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    move = " -> ".join(state for state in (event.origin, event.to) if state)
    return [at, event.type, move, printable(event.actor), facts(event.data)]


def facts(data: Mapping[str, Any]) -> str:
    """The event's data as `name: value`."""
    return "; ".join(f"{name}: {_short(value)}" for name, value in data.items() if value is not None)


def _short(value: Any) -> str:
    text = word(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
