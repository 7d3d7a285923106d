"""The group `hintrelay`: lazy commands, and the one place where errors become words and exit codes."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from producer.cli.context import Tools
from producer.cli.failures import BROKEN_PIPE, INTERRUPTED, report, wanted_format
from producer.cli.registry import COMMANDS, SECTIONS

#: a disk, a quota or a file that is full
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Root(click.Group):
    """A group that imports a command's module when the command runs, not when the help is shown."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, line) for name, (_, line) in commands.items()])

    def main(self, args: Sequence[str] | None = None, *more: Any, **extra: Any) -> NoReturn:
        """Run, and end the process: errors as the contract has them, never a traceback."""
        argv = list(sys.argv[1:] if args is None else args)
        _never_crash_on_odd_text()
        try:
            code = self._run(argv, *more, **{**extra, "prog_name": "hintrelay", "standalone_mode": False})
            sys.stdout.flush()
        except BrokenPipeError:
            code = BROKEN_PIPE
        sys.exit(_hushed(code))

    def _run(self, argv: list[str], *more: Any, **extra: Any) -> int:
        try:
            code = super().main(argv, *more, **extra)
        except click.Abort:
            return INTERRUPTED
        except BrokenPipeError:
            raise
        except Exception as exc:
            if isinstance(exc, OSError) and exc.errno in FULL:
                return _full(exc)
            return report(exc, wanted_format(argv))
        return code if isinstance(code, int) else 0

    def invoke(self, ctx: click.Context) -> Any:
        try:
            answer = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:  # here, as click itself would call it exit code 1, a bug
            return BROKEN_PIPE
        return answer


def _never_crash_on_odd_text() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _full(exc: OSError) -> int:
    """What is printed, or kept, has no room; the interpreter must not try again as it ends."""
    click.echo(f"hintrelay: the output cannot be written: {exc.strerror}", err=True)
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 1


def _hushed(code: int) -> int:
    """After a broken pipe nothing more is to be written, not even by the interpreter as it ends."""
    if code == BROKEN_PIPE:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return code


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        from importlib import metadata  # 0.05 s

        try:
            number = metadata.version("hintrelay")
        except metadata.PackageNotFoundError:
            number = "(not installed)"
        click.echo(f"hintrelay {number}")
        ctx.exit()


@click.group(
    cls=Root,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--redis-url", metavar="URL", help="Where the jobs are; else HINTRELAY_REDIS_URL.")
@click.option("--home", metavar="DIR", help="Where this machine keeps its data; else HINTRELAY_HOME.")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.pass_context
def cli(ctx: click.Context, redis_url: str | None, home: str | None) -> None:
    """Fine-tune language models on hint data: from a data set to scored hints."""
    if ctx.obj is None:
        ctx.obj = Tools({"redis_url": redis_url, "home": home})
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
