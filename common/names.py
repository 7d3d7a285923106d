"""Names that people give: of deployments, and idempotency keys."""

from __future__ import annotations

import re

DEPLOYMENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+-]{0,199}")
KEY_MAX = 200


def deployment_name(name: str) -> str:
    """`name` if it can be a deployment's. Raises ValueError with what is allowed."""
    if not DEPLOYMENT_NAME.fullmatch(name):
        raise ValueError(
            "a deployment name is 1 to 200 of letters, digits and . _ : @ / + - and begins with a letter or digit"
        )
    return name


def idempotency_key(key: str) -> str:
    """`key` if it can be an idempotency key. Raises ValueError with what is allowed."""
    if not key or len(key) > KEY_MAX or not key.isprintable():
        raise ValueError(f"a key is 1 to {KEY_MAX} printable characters")
    return key
