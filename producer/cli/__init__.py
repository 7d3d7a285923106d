"""The command line. `main` is the entry point; a command's module is imported when the command runs."""

from __future__ import annotations


def main() -> None:
    """`hintrelay`; ends the process with an exit code of the contract."""
    from producer.cli.root import cli

    cli.main()
