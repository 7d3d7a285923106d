"""Connections to Redis that notice a dead peer, and errors that name it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from common.errors import HintrelayError

#: a redis.Redis; its own types do not tell whether answers are decoded, so they would only be cast away
Client: TypeAlias = Any

SOCKET_TIMEOUT_S = 4.0  #: an answer that takes longer comes from a frozen server or a dead connection
CONNECT_TIMEOUT_S = 3.0


def connect(url: str, *, decode: bool = True) -> Client:
    """A client of `url` (redis://, rediss://, unix://, redis+sentinel://); connects at the first command, gives up
    within 15 s. Answers are bytes without `decode`."""
    import redis  # 0.3 s of CPU, half of it for asyncio and OpenTelemetry: `ls` does without (common.quick)
    from redis.backoff import ExponentialBackoff
    from redis.retry import Retry

    from common import sentinel

    options: dict[str, Any] = {
        "decode_responses": decode,
        "socket_timeout": SOCKET_TIMEOUT_S,
        "protocol": 2,  # with no HELLO and no library name a connection costs no round trip of its own
        "retry": Retry(ExponentialBackoff(cap=0.5, base=0.05), 1),
    }
    if not url.startswith("rediss://"):  # by TLS 1.3 a first answer takes the session tickets away, which redis-py
        options["driver_info"] = None  # would else see waiting, and give a new connection up as not ready
    if not url.startswith("unix://"):
        options |= {"socket_connect_timeout": CONNECT_TIMEOUT_S, "socket_keepalive": True}
    return _behind_sentinels(url, options) if sentinel.is_sentinel(url) else redis.Redis.from_url(url, **options)


def _behind_sentinels(url: str, options: dict[str, Any]) -> Client:
    """A client of whichever server the Sentinels call the master, asked anew for each new connection."""
    from redis.sentinel import Sentinel

    from common import sentinel

    service = sentinel.parse(url)
    sentinels: Any = Sentinel  # redis-py leaves it untyped
    asked = sentinels(service.sentinels, sentinel_kwargs=sentinel.node_options(), **options)
    return asked.master_for(service.name, db=service.db, username=service.user, password=service.password)


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Redis's own errors into ours: Unreachable, or ConfigurationError for a refused login."""
    try:
        yield
    except HintrelayError:
        raise
    except Exception as exc:
        from common.redis_faults import translated

        ours = translated(exc, url)
        if ours is None:
            raise
        raise ours from exc
