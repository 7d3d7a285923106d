"""worker, inbox, beat, sandbox: one role each; this process becomes the role's."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from producer.cli.context import Tools, pass_tools

QUEUES = ("platform", "hints")


def _queues(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    for queue in [] if value is None else value.split(","):
        if queue not in QUEUES:
            raise click.BadParameter(f"{queue!r} is no queue; give {' or '.join(QUEUES)}, or both with a comma")
    return value


@click.command()
@click.option("--queues", metavar="platform,hints", callback=_queues, help="Which queues to serve.")
@click.option("--concurrency", type=click.IntRange(1, 512), help="Jobs at work at once, of each queue.")
@pass_tools
def worker(tools: Tools, queues: str | None, concurrency: int | None) -> None:
    """Serve queues; without --queues both, and the inbox too."""
    args = ["worker", "serve"]
    args += ["--queues", queues] if queues else []
    args += ["--concurrency", str(concurrency)] if concurrency else []
    become(tools, args)


@click.command()
@pass_tools
def inbox(tools: Tools) -> None:
    """Read the messages that other programs send."""
    become(tools, ["worker", "inbox"])


@click.command()
@pass_tools
def beat(tools: Tools) -> None:
    """Send the tick; any number may run."""
    become(tools, ["worker", "beat"])


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,
    options_metavar="[--port P] [--speed X] [...]",
)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@pass_tools
def sandbox(tools: Tools, args: Sequence[str]) -> None:
    """Run the stand-in for the platform."""
    become(tools, ["sandbox", *args])


def become(tools: Tools, args: Sequence[str]) -> NoReturn:
    """Replace this process by `python -m args`, with the flags as environment variables."""
    os.environ.update(tools.child_env())
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", *args])  # noqa: S606  # no shell is wanted
