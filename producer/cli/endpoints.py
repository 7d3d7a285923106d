"""endpoints: what the ledger has, and wishes that the next tick carries out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from common.endpoints import Entry, EntryState, reason_to_stop
from common.errors import Conflict
from common.printable import printable
from producer.cli.context import Tools, pass_tools
from producer.cli.output import emit_all, output_option, print_table, say

if TYPE_CHECKING:
    from rich.text import Text

UNKNOWN = "unknown"  #: the state of an endpoint of ours that the ledger does not have
ALL = "all"
ALIVE_MS = 20_000  #: a worker gives a sign of life every 5 s


@click.group()
def endpoints() -> None:
    """Show the endpoints that hintrelay started, and end them."""


@endpoints.command()
@click.option("--all", "closed", is_flag=True, help="Those that have ended too.")
@output_option
@pass_tools
def ls(tools: Tools, closed: bool, output: str) -> None:
    """List the ledger, and endpoints of ours that it does not know."""
    entries = _open(tools)
    if closed:
        entries = [*tools.ledger.closed(), *entries]
    rows = [one.dump() for one in entries] + [_stray(name, seen) for name, seen in tools.ledger.strays().items()]
    if output != "table":
        emit_all(rows, output)
    elif rows:
        _print(rows)
    else:
        say("no endpoint runs, and none is wanted")


@endpoints.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...|all")
@output_option
@pass_tools
def stop(tools: Tools, names: Sequence[str], output: str) -> None:
    """End endpoints, by name or by the id of a job that has one.

    The next tick does it, and repeats it until the platform reads so. A job that needs one fails, and can be retried.
    """
    strays = tools.ledger.strays()
    known = list(strays) if ALL in names else [name for name in dict.fromkeys(names) if name in strays]
    wanted = _open(tools) if ALL in names else [tools.ledger.named(one) for one in names if one not in known]
    for entry in wanted:
        if not entry.open:
            raise Conflict(f"the endpoint {entry.name} has ended: {entry.why}")
    for entry in wanted:
        tools.ledger.move(entry.name, wish="stop")
    for name in known:
        tools.ledger.stray(name, 0)
    _tell(tools, [entry.name for entry in wanted] + known, {}, output, dry_run=False)


@endpoints.command()
@click.option("--dry-run", is_flag=True, help="Only show what would be ended.")
@output_option
@pass_tools
def reap(tools: Tools, dry_run: bool, output: str) -> None:
    """End what no job needs, what is past its deadline, and what the ledger does not know.

    Every tick does that by itself; this shows it, and does not wait out the grace of unknown ones.
    """
    entries = [one for one in _open(tools) if one.state is not EntryState.STOPPING]
    jobs, now = tools.ledger.jobs_of(entries), tools.ledger.now_ms()
    reasons = {one.name: why for one in entries if (why := reason_to_stop(one, jobs, now))}
    reasons |= dict.fromkeys(tools.ledger.strays(), "the ledger does not know it")
    strays = tools.ledger.strays()
    for name in reasons if not dry_run else ():
        if name in strays:
            tools.ledger.stray(name, 0)
        else:
            tools.ledger.move(name, wish="stop")
    _tell(tools, list(reasons), reasons, output, dry_run=dry_run)


def _open(tools: Tools) -> list[Entry]:
    """What may be on the platform, then what waits."""
    return [*tools.ledger.running(), *tools.ledger.wanted(1_000_000)]


def _stray(name: str, seen: int) -> dict[str, Any]:
    wish = None if seen else "stop"
    return {"name": name, "state": UNKNOWN, "jobs": [], "why": "the ledger does not know it", "wish": wish}


def _tell(tools: Tools, names: Sequence[str], reasons: Mapping[str, str], output: str, *, dry_run: bool) -> None:
    if names and not dry_run and not _carried_out(tools):
        say("no platform worker is there: nothing ends until one and a beat run (hintrelay up, or worker and beat)")
    if output != "table":
        emit_all(({"name": name, "why": reasons.get(name), "wished": not dry_run} for name in names), output)
        return
    for name in names:
        why = f": {reasons[name]}" if name in reasons else ""
        click.echo(f"{printable(name)}  {'would be ended' if dry_run else 'ends with the next tick'}{printable(why)}")
    if not names:
        say("there is nothing to end")


def _carried_out(tools: Tools) -> bool:
    """Whether a worker that can tick gave a sign of life lately."""
    now = tools.ledger.now_ms()
    alive = tools.ledger.alive().items()
    return any(name.startswith("platform ") and now - seen < ALIVE_MS for name, seen in alive)


def _print(rows: Sequence[Mapping[str, Any]]) -> None:
    cells: list[list[str | Text]] = [
        [
            printable(row["name"]),
            row["state"],
            " ".join(row["jobs"][:3]) + (f" +{len(row['jobs']) - 3}" if len(row["jobs"]) > 3 else ""),
            row.get("hardware") or "",
            "" if row.get("cents_per_minute") is None else f"{row['cents_per_minute']:.2f}",
            "" if row.get("minutes") is None else str(row["minutes"]),
            _at(row.get("until")),
            printable(_why(row)),
        ]
        for row in rows
    ]
    print_table(["ENDPOINT", "STATE", "JOBS", "HARDWARE", "CENTS/MIN", "MINUTES", "UNTIL", "WHY"], cells)


def _why(row: Mapping[str, Any]) -> str:
    """What is known, and whether somebody has asked for its end."""
    asked = "it was asked to end" if row.get("wish") and row["state"] != EntryState.CLOSED else ""
    return "; ".join(filter(None, [asked, row.get("why") or row.get("words")]))


def _at(text: str | None) -> str:
    return datetime.fromisoformat(text).astimezone().strftime("%d %b %H:%M") if text else ""
