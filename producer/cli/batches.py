"""batches, and `--batch` of the commands that take jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from common.durations import spoken
from common.job import Batch, iso
from producer.cli import rail
from producer.cli.context import Tools, pass_tools
from producer.cli.output import emit_all, output_option, print_table, say

if TYPE_CHECKING:
    from rich.text import Text

SHOWN = 50  #: rows of a table
ALL = "all"  #: stands for every job
F = TypeVar("F", bound=Callable[..., Any])


def batch_option(words: str) -> Callable[[F], F]:
    """`--batch`, with what it means for this command."""
    return click.option("--batch", metavar="B", help=words)


def chosen(
    tools: Tools, refs: Sequence[str], batch: str | None, every: Callable[[], list[str]] | None = None
) -> list[str] | None:
    """The ids that `all` or --batch mean; None where single ones are named. `every` are those of `all`, where it does
    not mean every job. Raises UsageError, NotFound."""
    if batch is not None:
        if refs:
            raise click.UsageError("give JOB... or --batch, not both")
        return tools.producer.store.batch(batch)
    if not refs:
        raise click.UsageError(f"give JOB..., {ALL} or --batch B")
    return (every or tools.producer.store.ids)() if ALL in refs else None


@click.command()
@click.option("--limit", type=click.IntRange(min=1), help=f"Only the newest N; tables show {SHOWN} without it.")
@output_option
@pass_tools
def batches(tools: Tools, limit: int | None, output: str) -> None:
    """List the batches: the jobs of each submit, by state.

    The newest come first in a table; JSON has the oldest first.
    """
    found = tools.producer.batches(newest=limit or (SHOWN if output == "table" else None))
    if output != "table":
        emit_all(map(_json, found), output)
        return
    if not found:
        say("there are no batches yet; hintrelay submit SPEC makes one")
        return
    now = time.time() * 1000
    rows: list[list[str | Text]] = [
        [batch.name, str(sum(batch.states.values())), spoken((now - batch.since) / 1000), _states(batch)]
        for batch in reversed(found)
    ]
    print_table(["BATCH", "JOBS", "AGE", "STATES"], rows, gives_way=("AGE",))
    if limit is None and len(found) == SHOWN:
        say("older ones, if any: --limit N")


def _json(batch: Batch) -> dict[str, Any]:
    return {
        "batch": batch.name,
        "jobs": sum(batch.states.values()),
        "states": {str(state): count for state, count in batch.states.items()},
        "since": iso(batch.since),
    }


def _states(batch: Batch) -> Text:
    from rich.text import Text

    parts = [Text(f"{count} {state}", rail.STATE_STYLES.get(state, "")) for state, count in batch.states.items()]
    return Text(", ").join(parts)
