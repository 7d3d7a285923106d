"""Names that people give: of deployments and batches, and idempotency keys."""

from __future__ import annotations

import hashlib
import os.path
import re
import secrets
from collections.abc import Sequence

DEPLOYMENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,199}")
BATCH_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
KEY_MAX = 200
STEM_MAX = 60  #: characters of a batch's own name that come from its jobs' names


def deployment_name(name: str) -> str:
    """`name` if it can be a deployment's. Raises ValueError with what is allowed."""
    if not DEPLOYMENT_NAME.fullmatch(name):
        raise ValueError(
            "a deployment name is 1 to 200 of letters, digits and . _ : @ / + - and begins with a letter or digit"
        )
    return name


def batch_name(name: str) -> str:
    """`name` if it can be a batch's. Raises ValueError with what is allowed."""
    if not BATCH_NAME.fullmatch(name):
        raise ValueError("a batch name is 1 to 100 of letters, digits and . _ - and begins with a letter or digit")
    return name


def own_batch_name(names: Sequence[str], key: str | None) -> str:
    """The name of a batch that nobody named: what its jobs' names begin with, and 6 hex digits; under a key always
    the same ones, so that a submit that is repeated adds to the same batch."""
    common = os.path.commonprefix(list(names)) or names[0]  # noqa: RUF071  # of texts, not of paths
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", common)[:STEM_MAX].strip("-._") or "batch"
    digits = secrets.token_hex(3) if key is None else hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:6]
    return f"{stem}-{digits}"


def fingerprint(url: str, key: str) -> str:
    """The account behind an API key of a platform, as 12 hex digits from which the key cannot be had."""
    return hashlib.sha256(f"hintrelay account {url} {key}".encode()).hexdigest()[:12]


def idempotency_key(key: str) -> str:
    """`key` if it can be an idempotency key. Raises ValueError with what is allowed."""
    if not key or len(key) > KEY_MAX or not key.isprintable():
        raise ValueError(f"a key is 1 to {KEY_MAX} printable characters")
    return key
