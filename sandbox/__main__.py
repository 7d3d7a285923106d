"""The command `python -m sandbox`."""

import asyncio
import sys
from pathlib import Path

import click

from .app import serve
from .core import Options

UNREACHABLE = 8  #: the exit code of the contract for what cannot be had from the machine
SECONDS = click.FloatRange(min=0, min_open=True)


@click.command(name="sandbox", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=8790, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    type=SECONDS,
    help="Training, validation, provisioning and stopping go faster.",
)
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Folder; else all is in memory.")
@click.option("--train-seconds", default=6.0, show_default=True, type=SECONDS, help="Creation to completion.")
@click.option("--validate-seconds", default=0.5, show_default=True, type=click.FloatRange(min=0))
@click.option("--api-key", help="The only key that is let in; else any is.")
@click.option("--provision-seconds", default=3.0, show_default=True, type=click.FloatRange(min=0))
@click.option("--stop-seconds", default=1.0, show_default=True, type=click.FloatRange(min=0))
@click.option("--clock-rate", default=1.0, show_default=True, type=SECONDS, help="The platform's seconds go faster.")
@click.option("--strict-names", is_flag=True, help="404 for model names that nobody declared.")
def main(
    host: str,
    port: int,
    speed: float,
    data: Path | None,
    train_seconds: float,
    validate_seconds: float,
    api_key: str | None,
    strict_names: bool,
    provision_seconds: float,
    stop_seconds: float,
    clock_rate: float,
) -> None:
    """A local stand-in for the Together platform."""
    serving = (provision_seconds, stop_seconds, clock_rate)
    options = Options(speed, data, train_seconds, validate_seconds, api_key, strict_names, *serving)
    try:
        asyncio.run(serve(options, host, port, _announce))
    except OSError as exc:
        click.echo(f"hintrelay: cannot serve at {host}:{port}: {exc.strerror or exc}", err=True)
        sys.exit(UNREACHABLE)


def _announce(url: str) -> None:
    print(f"sandbox listening on {url}", flush=True)


if __name__ == "__main__":
    main(prog_name="hintrelay sandbox")
