"""Redis as job store and broker, and who works on it."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from common.connection import connect, reaching
from common.errors import HintrelayError, Unreachable
from common.keys import QUEUE_HINTS, QUEUE_INBOX, QUEUE_PLATFORM, Keys
from common.settings import Settings, without_password
from common.store import Store
from producer.cli.checks.finding import Finding, Status

OLDEST = (7, 0)
SKEW_S = 2.0  #: more than this between Redis's clock and ours confuses the times that are shown
ALIVE_MS = 60_000  #: who was silent for longer is gone


def findings(settings: Settings) -> list[Finding]:
    """Redis first; what needs it is left out where it is away."""
    try:
        info, skew_s, alive, rests_s = _ask(settings)
    except HintrelayError as exc:
        return [_away("redis", exc)]
    found = [_version(settings, info), _eviction(info), _durability(info), _clock(skew_s), _polling(settings, rests_s)]
    try:
        queues, readers = _queues(settings)
    except HintrelayError as exc:
        return [*found, _away("broker", exc)]
    shown = ", ".join(f"{name.rpartition('.')[2]} {length}" for name, length in queues.items())
    found.append(Finding("broker", "ok", f"{without_password(settings.broker)}; waiting messages: {shown}"))
    return [*found, _workers(alive), _readers(readers, queues[QUEUE_INBOX])]


def _away(check: str, exc: HintrelayError) -> Finding:
    status: Status = "unreachable" if isinstance(exc, Unreachable) else "fault"
    return Finding(check, status, exc.message, exc.hint or "check the URL and its password")


def _ask(settings: Settings) -> tuple[dict[str, Any], float, dict[str, int], float]:
    """(INFO, how far our clock is ahead, worker processes that live, how long the list of runs rests)."""
    client = connect(settings.redis_url)
    with reaching(settings.redis_url):
        info: dict[str, Any] = client.info()
        seconds, micros = client.time()
        now = seconds + micros / 1e6
        skew_s = time.time() - now
    store = Store(client, url=settings.redis_url)
    alive, rests_s = store.alive(), store.rests_s()
    client.close()
    return info, skew_s, {name: seen for name, seen in alive.items() if seen > now * 1000 - ALIVE_MS}, rests_s


def _polling(settings: Settings, rests_s: float) -> Finding:
    """When the platform is asked next how its runs are."""
    if not rests_s:
        return Finding(
            "polling", "ok", f"the list of runs is asked for every {settings.tick_seconds:g} s while jobs train"
        )
    return Finding("polling", "ok", f"no run can change soon: the list is asked for again in {rests_s:.0f} s")


def _version(settings: Settings, info: dict[str, Any]) -> Finding:
    words = str(info.get("redis_version", "0"))
    name = f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {words}"
    where = f"{name} at {without_password(settings.redis_url)}"
    if tuple(int(part) for part in words.split(".")[:2]) >= OLDEST:
        return Finding("redis", "ok", where)
    return Finding("redis", "fault", where, "use Redis 7 or newer, or Valkey")


def _eviction(info: dict[str, Any]) -> Finding:
    policy = info.get("maxmemory_policy", "noeviction")
    if policy == "noeviction":
        return Finding("eviction", "ok", "noeviction")
    status: Status = "fault" if info.get("maxmemory") else "warn"
    return Finding("eviction", status, f"{policy}: jobs may be thrown away", "CONFIG SET maxmemory-policy noeviction")


def _durability(info: dict[str, Any]) -> Finding:
    if info.get("aof_enabled"):
        return Finding("durability", "ok", "append-only file on")
    mend = "CONFIG SET appendonly yes, and the same in its configuration file"
    return Finding("durability", "warn", "append-only file off: a crash of Redis loses jobs", mend)


def _clock(skew_s: float) -> Finding:
    if abs(skew_s) <= SKEW_S:
        return Finding("clock", "ok", f"{abs(skew_s):.1f} s from Redis's")
    mend = "set both clocks by NTP; states are safe, shown times are off"
    return Finding("clock", "warn", f"{abs(skew_s):.1f} s {'ahead of' if skew_s > 0 else 'behind'} Redis's", mend)


def _queues(settings: Settings) -> tuple[dict[str, int], int]:
    """(messages waiting by queue, readers of the inbox that live), both on the broker."""
    client = connect(settings.broker)
    names = (QUEUE_PLATFORM, QUEUE_HINTS, QUEUE_INBOX)
    with reaching(settings.broker):
        lengths = [int(client.llen(name)) for name in names]
        seconds, _ = client.time()
        readers = int(client.zcount(Keys.readers, seconds * 1000 - ALIVE_MS, "+inf"))
    client.close()
    return dict(zip(names, lengths, strict=True)), readers


def _workers(alive: dict[str, int]) -> Finding:
    """Signs of life from the last minute, by queue."""
    mend = "hintrelay up, or hintrelay worker on another machine"
    queues = Counter(name.partition(" ")[0] for name in alive)
    missing = sorted({"platform", "hints"} - set(queues))
    shown = ", ".join(f"{count} on {queue}" for queue, count in sorted(queues.items()))
    if missing:
        return Finding("workers", "warn", f"nobody serves {' or '.join(missing)}{'; ' + shown if shown else ''}", mend)
    return Finding("workers", "ok", shown)


def _readers(alive: int, waiting: int) -> Finding:
    if alive:
        return Finding("inbox", "ok", f"{alive} reader{'s' if alive > 1 else ''}")
    mend = "hintrelay up, hintrelay worker or hintrelay inbox reads it"
    return Finding("inbox", "warn", f"nobody reads it; {waiting} messages wait", mend)
