"""doctor: every dependency checked, and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from common.errors import ConfigurationError, Exit
from common.printable import printable
from producer.cli.checks import Finding, machine, pace, platform, store
from producer.cli.context import Tools, pass_tools
from producer.cli.output import emit_all, leave, output_option, print_table, say

if TYPE_CHECKING:
    from rich.text import Text

STYLES = {"ok": "green", "warn": "yellow", "fault": "bold red", "unreachable": "bold red"}


@click.command()
@output_option
@pass_tools
def doctor(tools: Tools, output: str) -> None:
    """Check every dependency and say how to mend it.

    Exit code 0: all is fine, but for warnings. 3: the configuration is at fault. 8: something cannot be reached.
    """
    findings = examine(tools)
    if output == "table":
        _print(findings)
    else:
        emit_all(map(asdict, findings), output)
    leave(exit_code(findings))


def examine(tools: Tools) -> list[Finding]:
    """All findings; without settings there are few."""
    found = [machine.python(), machine.files(), machine.hints(), *machine.metrics()]
    try:
        settings = tools.settings
    except ConfigurationError as exc:
        return [*found, Finding("settings", "fault", exc.message, exc.hint or "correct what it names")]
    found += [machine.home(settings), machine.artifacts(settings)]
    return [*found, *store.findings(settings), platform.finding(settings), *pace.findings(settings)]


def exit_code(findings: Sequence[Finding]) -> Exit:
    """The worst of them; what is configured wrongly counts before what is away."""
    statuses = {finding.status for finding in findings}
    if "fault" in statuses:
        return Exit.CONFIGURATION
    return Exit.UNREACHABLE if "unreachable" in statuses else Exit.DONE


def _print(findings: Sequence[Finding]) -> None:
    from rich.text import Text

    rows: list[list[str | Text]] = [
        [Text(one.status, STYLES[one.status]), one.check, printable(one.message)] for one in findings
    ]
    print_table(["", "CHECK", "FOUND"], rows)
    bad = [one for one in findings if one.mend]
    for number, one in enumerate(bad):
        say(("" if number else "\n") + f"{one.check}: {printable(one.mend)}")
