"""Connections to Redis that notice a dead peer, and errors that name it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import (
    AuthenticationError,
    ConnectionError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
)
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

from common import sentinel
from common.errors import ConfigurationError, Unreachable
from common.settings import DEFAULT_REDIS_URL, without_password

#: a redis.Redis; its own types do not tell whether answers are decoded, so they would only be cast away
Client: TypeAlias = Any

SOCKET_TIMEOUT_S = 4.0  #: an answer that takes longer comes from a frozen server or a dead connection
CONNECT_TIMEOUT_S = 3.0


def connect(url: str, *, decode: bool = True) -> Client:
    """A client of `url` (redis://, rediss://, unix://, redis+sentinel://); connects at the first command, gives up
    within 15 s. Answers are bytes without `decode`."""
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
    service = sentinel.parse(url)
    sentinels: Any = Sentinel  # redis-py leaves it untyped
    asked = sentinels(service.sentinels, sentinel_kwargs=sentinel.node_options(), **options)
    return asked.master_for(service.name, db=service.db, username=service.user, password=service.password)


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Redis's own errors into ours: Unreachable, or ConfigurationError for a refused login."""
    try:
        yield
    except AuthenticationError as exc:
        raise ConfigurationError(f"Redis at {without_password(url)} refuses the login: {exc}") from exc
    except (ConnectionError, TimeoutError) as exc:
        if "CERTIFICATE_VERIFY_FAILED" in str(exc):
            fault = str(exc).partition("certificate verify failed: ")[2].partition(" (_ssl")[0]
            raise Unreachable(
                f"Redis at {without_password(url)} shows a certificate that is not trusted here: {fault}",
                hint="name the CA that signed it: rediss://host:port/0?ssl_ca_certs=/path/to/ca.pem",
            ) from exc
        how = "hintrelay up starts one" if url == DEFAULT_REDIS_URL else "start it, or set HINTRELAY_REDIS_URL"
        raise Unreachable(f"Redis at {without_password(url)} cannot be reached: {_short(exc)}", hint=how) from exc
    except ResponseError as exc:
        if isinstance(exc, NoPermissionError) or "ACL failure" in str(exc):  # the latter: inside a script
            raise ConfigurationError(
                f"Redis at {without_password(url)} does not allow this user to do that: {_short(exc)}",
                hint="docs/security.md has the rules for each role",
            ) from exc
        if refusal := _refusal(exc):
            why, hint = refusal
            raise Unreachable(f"Redis at {without_password(url)} refuses to write: {why}", hint=hint) from exc
        raise
    except RedisError as exc:
        hint = "is it a Redis that listens there? set HINTRELAY_REDIS_URL to one"
        raise Unreachable(f"Redis at {without_password(url)}: {_short(exc)}", hint=hint) from exc


def _refusal(exc: ResponseError) -> tuple[str, str] | None:
    """(why, what to do), where Redis works but does not write. redis-py takes the word off most of these errors, and
    puts the command before those from a pipeline."""
    words = str(exc)
    if isinstance(exc, OutOfMemoryError) or "OOM command" in words:
        return "its memory is full (maxmemory)", "give it more memory, or remove what is not needed; nothing was stored"
    if isinstance(exc, ReadOnlyError) or "READONLY" in words:
        return "it is a replica", "name the master, or its Sentinels: redis+sentinel://host1,host2/0/service"
    if "MISCONF" in words:
        return "it cannot write to its disk", "its own log tells why; nothing was stored"
    if "BUSY" in words:
        return "it is busy with a script", "try again"
    return None


def _short(exc: BaseException) -> str:
    if isinstance(exc, MasterNotFoundError):  # its own words are a page of connection options
        return "none of these Sentinels answers and names a living master of the service"
    return " ".join(str(exc).split())[:200].rstrip(".") or type(exc).__name__
