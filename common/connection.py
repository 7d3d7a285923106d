"""Connections to Redis that notice a dead peer, and errors that name it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import AuthenticationError, ConnectionError, RedisError, ResponseError, TimeoutError
from redis.retry import Retry

from common.errors import ConfigurationError, Unreachable
from common.settings import DEFAULT_REDIS_URL, without_password

#: a redis.Redis; its own types do not tell whether answers are decoded, so they would only be cast away
Client: TypeAlias = Any

SOCKET_TIMEOUT_S = 5.0  #: an answer that takes longer comes from a frozen server or a dead connection
CONNECT_TIMEOUT_S = 3.0


def connect(url: str) -> Client:
    """A client of `url` (redis://, rediss://, unix://); connects at the first command, gives up within 15 s."""
    options = (
        {} if url.startswith("unix://") else {"socket_connect_timeout": CONNECT_TIMEOUT_S, "socket_keepalive": True}
    )
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=SOCKET_TIMEOUT_S,
        protocol=2,  # with no HELLO and no library name a connection costs no round trip of its own
        driver_info=None,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 1),
        **options,
    )


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Redis's own errors into ours: Unreachable, or ConfigurationError for a refused login."""
    try:
        yield
    except AuthenticationError as exc:
        raise ConfigurationError(f"Redis at {without_password(url)} refuses the login: {exc}") from exc
    except (ConnectionError, TimeoutError) as exc:
        how = "hintrelay up starts one" if url == DEFAULT_REDIS_URL else "start it, or set HINTRELAY_REDIS_URL"
        raise Unreachable(f"Redis at {without_password(url)} cannot be reached: {_short(exc)}", hint=how) from exc
    except ResponseError as exc:
        if str(exc).startswith(("OOM", "MISCONF", "READONLY", "LOADING", "NOPERM", "BUSY")):
            raise Unreachable(f"Redis at {without_password(url)} refuses to write: {_short(exc)}") from exc
        raise
    except RedisError as exc:
        raise Unreachable(f"Redis at {without_password(url)}: {_short(exc)}") from exc


def _short(exc: BaseException) -> str:
    return " ".join(str(exc).split())[:200].rstrip(".") or type(exc).__name__
