"""The producer's composition root: everything from Settings."""

from __future__ import annotations

import getpass
import os
import socket
from typing import TYPE_CHECKING

from common.commands import Commands
from common.connection import connect
from common.errors import ConfigurationError
from common.eventlog import EventLog
from common.sender import Sender
from common.settings import Settings
from common.store import Store
from producer.client import Producer

if TYPE_CHECKING:
    from common.artifacts import ArtifactStore
    from producer.exact import Quotes


def build(settings: Settings) -> Producer:
    """A Producer; connects when first used."""
    client = connect(settings.redis_url)
    store = Store(
        client,
        url=settings.redis_url,
        actor=actor(),
        events_kept=settings.events_kept,
        nudge_ms=int(settings.nudge_seconds * 1000),
    )
    commands = Commands(store, Sender(settings))
    return Producer(store, commands, EventLog(client, settings.redis_url), settings)


def artifacts(settings: Settings) -> ArtifactStore:
    """The artifact store; its scratch folder is this machine's. Raises ConfigurationError for a URL that is none."""
    from common.artifacts import ArtifactStore

    try:
        return ArtifactStore(settings.artifacts_url, scratch=settings.scratch)
    except (ValueError, ImportError) as exc:  # fsspec's, for an unknown protocol and for one that is not installed
        raise ConfigurationError(f"HINTRELAY_ARTIFACTS: {settings.artifacts_url} cannot be opened: {exc}") from exc


def quotes(settings: Settings) -> Quotes:
    """Who can say what a run will cost. Raises ConfigurationError without a key."""
    from producer.quoting import TogetherQuotes

    key = settings.api_key.get_secret_value()
    return TogetherQuotes(base_url=settings.platform_url, api_key=key, timeout_s=settings.request_timeout_seconds)


def actor() -> str:
    """Who acts, as events name it: user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
