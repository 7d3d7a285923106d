"""Errors as the contract has them: words on stderr, or JSON on stdout, and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

INTERRUPTED = 130
BROKEN_PIPE = 141  #: as a program that SIGPIPE ended


def wanted_format(argv: Sequence[str]) -> str:
    """What `-o` asks for, read before click does: usage errors obey it too."""
    for here, word in enumerate(argv):
        if word in {"-o", "--format"} and here + 1 < len(argv):
            return argv[here + 1]
        for begin in ("-o", "--format="):
            if word.startswith(begin) and word[len(begin) :] in {"json", "jsonl"}:
                return word[len(begin) :]
    return "table"


def report(exc: Exception, output: str) -> int:
    """Tell of `exc` in the wanted form; the exit code."""
    code, error = describe(exc)
    if error["code"] == "bug":
        _bug(exc, error["message"])
    if output in {"json", "jsonl"}:
        from producer.cli.output import json_text

        click.echo(json_text({"error": error}, one_line=output == "jsonl"))
    elif error["code"] != "bug":
        complain(error)
    return code


def complain(error: dict[str, Any]) -> None:
    """One line of words on stderr, and one with the hint."""
    from common.printable import printable

    click.echo(f"hintrelay: {printable(error['message'], keep_lines=True)}", err=True)
    if error["hint"]:
        click.echo(f"  {printable(error['hint'], keep_lines=True)}", err=True)


def describe(exc: Exception) -> tuple[int, dict[str, Any]]:
    """(exit code, {"code", "message", "hint"})."""
    if isinstance(exc, click.ClickException):
        return exc.exit_code, {"code": "usage", "message": exc.format_message(), "hint": _help_of(exc)}
    from common.errors import Exit, HintrelayError, Transient

    if isinstance(exc, HintrelayError):
        code = Exit.UNREACHABLE if isinstance(exc, Transient) else exc.exit
        return int(code), {"code": exc.code, "message": exc.message, "hint": exc.hint}
    words = _without_secrets(f"{type(exc).__name__}: {exc}")
    hint = "HINTRELAY_LOG_LEVEL=DEBUG shows where"
    return Exit.BUG, {"code": "bug", "message": words, "hint": hint}


def _help_of(exc: click.ClickException) -> str | None:
    ctx = getattr(exc, "ctx", None)
    return f"{ctx.command_path} --help tells how" if ctx is not None else None


def _bug(exc: Exception, words: str) -> None:
    one_line = " ".join(words.split())
    click.echo(f"hintrelay: this is a bug: {one_line} (HINTRELAY_LOG_LEVEL=DEBUG shows where)", err=True)
    if os.environ.get("HINTRELAY_LOG_LEVEL", "").upper() == "DEBUG":
        sys.stderr.write(_without_secrets("".join(traceback.format_exception(exc))))


def _without_secrets(words: str) -> str:
    from common.errors import HintrelayError
    from common.settings import load

    try:
        secrets = load().secrets()
    except HintrelayError:
        secrets = []
    for secret in secrets:
        words = words.replace(secret, "***")
    return words
