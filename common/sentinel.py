"""Redis behind Sentinels: redis+sentinel://[user:password@]host1:26379,host2:26379/<db>/<service>."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from redis.backoff import NoBackoff
from redis.retry import Retry

SCHEME = "redis+sentinel"
PORT = 26379
TIMEOUT_S = 1.0  #: of one Sentinel: several are asked in turn, and all that within a command's 15 s


@dataclass(frozen=True, slots=True)
class Service:
    """What the URL names. User and password are those of the servers; the Sentinels are asked without."""

    sentinels: tuple[tuple[str, int], ...]
    db: int
    name: str
    user: str | None
    password: str | None


def is_sentinel(url: str) -> bool:
    return urlsplit(url).scheme == SCHEME


def parse(url: str) -> Service:
    """Raises ValueError with what is wrong."""
    parts = urlsplit(url)
    db, _, name = parts.path.lstrip("/").partition("/")
    if not name or "/" in name or not db.isdecimal() or parts.query:
        raise ValueError(f"must be {SCHEME}://[user:password@]host1:{PORT},host2:{PORT}/<db>/<service>")
    return Service(
        sentinels=tuple(_host(word) for word in parts.netloc.rpartition("@")[2].split(",")),
        db=int(db),
        name=unquote(name),
        user=_unquoted(parts.username),
        password=_unquoted(parts.password),
    )


def node_options() -> dict[str, Any]:
    """How the Sentinels themselves are asked: one that is silent or away is left for the next."""
    return {"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S, "retry": Retry(NoBackoff(), 0)}


def for_kombu(url: str) -> tuple[str, dict[str, Any]]:
    """(kombu's URL, its transport options) of any Redis URL."""
    if not is_sentinel(url):
        return url, {}
    service = parse(url)
    who = _userinfo(urlsplit(url))
    urls = (f"sentinel://{who}{host}:{port}/{service.db}" for host, port in service.sentinels)
    return ";".join(urls), {"master_name": service.name, "sentinel_kwargs": node_options()}


def _host(word: str) -> tuple[str, int]:
    parts = urlsplit(f"//{word}")
    if not parts.hostname:
        raise ValueError(f"{word!r} names no host of a Sentinel")
    return parts.hostname, parts.port or PORT  # `port` raises ValueError for one that is none


def _userinfo(parts: SplitResult) -> str:
    who, at, _ = parts.netloc.rpartition("@")
    return who + at


def _unquoted(text: str | None) -> str | None:
    return None if text is None else unquote(text)
