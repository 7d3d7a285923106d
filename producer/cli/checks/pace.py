"""Whether the platform slows us down."""

from __future__ import annotations

import time

from common.connection import connect, reaching
from common.errors import HintrelayError
from common.keys import Keys
from common.settings import Settings
from producer.cli.checks.finding import Finding

LATELY_MS = 120_000


def findings(settings: Settings) -> list[Finding]:
    """One for each kind of requests that was refused lately; none where Redis is away, which another check tells."""
    client = connect(settings.redis_url)
    try:
        with reaching(settings.redis_url):
            names = client.zrangebyscore(Keys.paces, time.time() * 1000 - LATELY_MS, "+inf")
            rates = [client.hget(Keys.pace(name), "rate") for name in names]
    except HintrelayError:
        return []
    finally:
        client.close()
    mend = "nothing is lost, all workers go slower together; HINTRELAY_PLATFORM_RPS and HINTRELAY_MODEL_RPS set a pace"
    return [
        Finding("pace", "warn", f"{_who(name)} refused requests lately{_now(rate)}", mend)
        for name, rate in zip(names, rates, strict=True)
    ]


def _who(name: str) -> str:
    kind = name.partition(":")[2]
    return "the platform" if kind == "platform" else f"the model {kind.partition(':')[2]}"


def _now(rate: str | None) -> str:
    return f"; it is asked {float(rate):.3g} times a second now" if rate else ""
