"""Whether the platform answers, and takes the key."""

from __future__ import annotations

from common.errors import ConfigurationError
from common.settings import Settings
from producer.cli.checks.finding import Finding

TIMEOUT_S = 10.0


def finding(settings: Settings) -> Finding:
    """One request: the list of fine-tuning runs."""
    import httpx

    try:
        key = settings.api_key.get_secret_value()
    except ConfigurationError as exc:
        return Finding("platform", "fault", exc.message, exc.hint or "")
    url = f"{settings.platform_root}/v1/fine-tunes"
    try:
        answer = httpx.get(url, headers={"Authorization": f"Bearer {key}"}, timeout=TIMEOUT_S, follow_redirects=True)
    except httpx.HTTPError as exc:
        how = "hintrelay up --sandbox starts it" if settings.platform == "sandbox" else "check the network and the URL"
        return Finding("platform", "unreachable", f"{settings.platform_root}: {exc or type(exc).__name__}", how)
    return _judge(settings, answer.status_code)


def _judge(settings: Settings, status: int) -> Finding:
    where = settings.platform_root
    if status in {401, 403}:
        mend = "the key is refused: set TOGETHER_API_KEY to a valid one (https://api.together.ai/settings/api-keys)"
        return Finding("platform", "fault", f"{where} answers {status}", mend)
    if status >= 500 or status == 429:
        return Finding("platform", "unreachable", f"{where} answers {status}", "it is the platform's trouble: wait")
    if status >= 400:
        return Finding("platform", "fault", f"{where} answers {status}", "is TOGETHER_BASE_URL right?")
    return Finding("platform", "ok", f"{where} takes the key")
