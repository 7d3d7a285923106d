"""up: all roles on this machine, until Ctrl-C."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

from common import embedded, logs
from common.connection import connect, reaching
from common.errors import ConfigurationError
from common.settings import NAMES, Settings, listens, load, without_password
from common.supervisor import Child
from producer.cli.context import Tools, pass_tools
from producer.cli.crew import Crew, has_hints, here, leashed, roles, stop_on_signals, valkey
from producer.cli.only_one import only_one
from producer.cli.output import leave, say


@click.command()
@click.option("--sandbox", "with_sandbox", is_flag=True, help="Run the sandbox, and use it as the platform.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the sandbox.  [default: 8790]")
@click.option("--speed", type=click.FloatRange(min=0, min_open=True), help="The sandbox trains so much faster.")
@click.option("--quiet-logs", is_flag=True, help="Logs go to files under HINTRELAY_HOME, not to stderr.")
@pass_tools
def up(tools: Tools, with_sandbox: bool, port: int | None, speed: float | None, quiet_logs: bool) -> None:
    """Run everything on this machine until Ctrl-C.

    A Valkey of its own is started when nothing listens at the default URL.
    """
    if not with_sandbox and (port or speed):
        raise click.UsageError("--port and --speed are the sandbox's: give --sandbox too")
    settings = settings_for(tools, with_sandbox, port)
    _ = settings.api_key  # none: exit 3, before anything starts
    logs.configure(settings)
    folder = settings.home / "logs" if quiet_logs else None
    with only_one(settings.home):
        crew = build_crew(tools, settings, folder, with_sandbox, speed)
        stop_on_signals(crew)
        _check_reachable(settings, own_store=crew.has_store)
        crew.start_store(settings.redis_url)
        _greet(settings, crew, folder)
        code = crew.run()
    say("all is stopped" if code == 0 else f"stopped: a role ended with exit code {code}; its words are in the logs")
    leave(code)


def settings_for(tools: Tools, with_sandbox: bool, port: int | None) -> Settings:
    """Settings, with the sandbox as the platform where it is wanted."""
    if with_sandbox:
        tools.flags["platform"] = "sandbox"
        if port:
            tools.flags["sandbox_url"] = f"http://127.0.0.1:{port}"
    return load(tools.flags)


def build_crew(tools: Tools, settings: Settings, folder: Path | None, with_sandbox: bool, speed: float | None) -> Crew:
    """What is to run here."""
    env = {**tools.child_env(), "PYTHONPATH": here()}
    env[NAMES["sandbox_url"]] = settings.sandbox_url
    children: list[Child] = []
    if with_sandbox and listens(settings.sandbox_url):
        say(f"something listens at {settings.sandbox_url} already: it is used as the sandbox")
    elif with_sandbox:
        children.append(_sandbox(settings, env, folder, speed))
    if not has_hints():
        say("the extra `hints` is not installed: no worker of the queue hints here (pip install 'hintrelay[hints]')")
    children += roles(env, logs=folder, with_hints=has_hints())
    return Crew(children, valkey(settings, folder) if embedded.wanted(settings) else None)


def _sandbox(settings: Settings, env: dict[str, str], folder: Path | None, speed: float | None) -> Child:
    where = urlsplit(settings.sandbox_url)
    if where.hostname not in {"127.0.0.1", "localhost"}:
        raise ConfigurationError(f"HINTRELAY_SANDBOX_URL: {settings.sandbox_url} is not on this machine")
    args = ["sandbox", "--port", str(where.port or 80), "--data", str(settings.home / "sandbox")]
    speeding = ["--speed", str(speed)] if speed else []
    return leashed("sandbox", [sys.executable, "-m", *args, *speeding], env, folder)


def _check_reachable(settings: Settings, *, own_store: bool) -> None:
    """Raises Unreachable: a Redis by URL has to be there before anything starts."""
    own = {settings.redis_url} if own_store else set()
    for url in {settings.redis_url, settings.broker} - own:
        client = connect(url)
        with reaching(url):
            client.ping()
        client.close()


def _greet(settings: Settings, crew: Crew, folder: Path | None) -> None:
    names = ", ".join(child.name for child in crew.roles.children)
    say("hintrelay is up; Ctrl-C stops it")
    say(f"  jobs      {without_password(settings.redis_url)}{' (embedded Valkey)' if crew.has_store else ''}")
    say(f"  platform  {settings.platform_root}{' (sandbox)' if settings.platform == 'sandbox' else ''}")
    say(f"  roles     {names}")
    say(f"  data      {settings.home}")
    say(f"  logs      {f'{folder}/<role>.log' if folder else 'here'}")
    say("next, in another terminal:")
    say("  hintrelay submit SPEC.yaml --watch")
    say("  hintrelay ls")
