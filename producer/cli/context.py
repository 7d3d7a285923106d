"""What the commands work with, made from Settings when first asked for. Tests pass their own as click's `obj`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import redis

    from common.artifacts import ArtifactStore
    from common.dead import DeadLetters
    from common.ledger import Ledger
    from common.records import Records
    from common.settings import Settings
    from producer.client import Producer
    from producer.exact import Quotes


class Tools:
    """The command line's composition root. `flags` are fields of Settings; they win over the environment."""

    def __init__(self, flags: Mapping[str, str | None] | None = None) -> None:
        self.flags = {name: value for name, value in (flags or {}).items() if value is not None}
        self.clock: Callable[[], float] = time.monotonic  #: s
        self.sleep: Callable[[float], None] = time.sleep

    @cached_property
    def settings(self) -> Settings:
        from common.settings import load

        return load(self.flags)

    @cached_property
    def producer(self) -> Producer:
        from producer.bootstrap import build

        return build(self.settings)

    @cached_property
    def records(self) -> Records:
        """The job store for a few reads: without Settings, redis-py and what they import, where it can be."""
        from common import quick
        from common.records import Records

        url = None if "producer" in vars(self) else quick.store_url(self.flags)
        return self.producer.store if url is None else Records(quick.client(url), url=url)

    @cached_property
    def dead(self) -> DeadLetters:
        from common.dead import DeadLetters

        return DeadLetters(self.producer.store.client, self.settings.redis_url)

    @cached_property
    def ledger(self) -> Ledger:
        from common.ledger import Ledger

        return Ledger.beside(self.producer.store, self.settings.installation or "")

    @cached_property
    def broker(self) -> redis.Redis:
        """The broker's Redis, for its lists."""
        from common.connection import connect

        client: redis.Redis = connect(self.settings.broker)
        return client

    @cached_property
    def artifacts(self) -> ArtifactStore:
        from producer.bootstrap import artifacts

        return artifacts(self.settings)

    @cached_property
    def quotes(self) -> Quotes:
        from producer.bootstrap import quotes

        return quotes(self.settings)

    def child_env(self) -> dict[str, str]:
        """The flags as environment variables, for a process that reads Settings itself."""
        from common.settings import NAMES

        return {NAMES[field]: value for field, value in self.flags.items()}


pass_tools = click.make_pass_decorator(Tools)
