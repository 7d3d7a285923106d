"""Redis by TLS: verification is on, and stays on, for redis-py and for kombu (which leaves it off if not told)."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

FILES = {"ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile"}
FIXED = {"ssl_cert_reqs": "required", "ssl_check_hostname": "true"}  #: may be said, but not otherwise


def check(url: str) -> None:
    """Raises ValueError for what would weaken a rediss:// URL, or cannot work."""
    parts = urlsplit(url)
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in {"password", "username"}:
            raise ValueError(f"{name} belongs before the host: rediss://user:password@host; there it is hidden in logs")
        if name.startswith("ssl_"):
            _check_option(parts.scheme, name, value)


def _check_option(scheme: str, name: str, value: str) -> None:
    if scheme != "rediss":
        raise ValueError(f"{name} needs rediss://, for {scheme}:// is not encrypted")
    if name in FIXED and value != FIXED[name]:
        raise ValueError(f"{name} must be {FIXED[name]}: certificates are always checked; name a CA by ssl_ca_certs")
    if name not in FIXED and name not in FILES:
        raise ValueError(f"{name} is not known; allowed: {', '.join(sorted(FILES | set(FIXED)))}")
    if name in FILES and not Path(value).exists():
        raise ValueError(f"{name}: there is no {value}")


def for_kombu(url: str) -> dict[str, Any] | None:
    """`broker_use_ssl`; options of the URL itself win over it. None for a URL without TLS."""
    return {"ssl_cert_reqs": "required", "ssl_check_hostname": True} if urlsplit(url).scheme == "rediss" else None
