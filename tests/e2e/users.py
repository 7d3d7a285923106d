"""The Redis users of docs/security.md, made on a real server, and URLs for them."""

from __future__ import annotations

import re
import shlex

from common.connection import Client, connect
from tests.e2e.stack import ROOT


def rules() -> list[str]:
    """The lines of docs/security.md that make users."""
    found = re.search(r"<!-- acl:.*?```text\n(.*?)```", (ROOT / "docs" / "security.md").read_text("utf-8"), re.DOTALL)
    assert found, "docs/security.md has no rules"
    return [line for line in found[1].splitlines() if line]


def password(user: str) -> str:
    return f"canary-password-of-{user}"


def make_users(port: int) -> Client:
    """Apply the rules; a client of the user admin, as the default user is off after them."""
    client = connect(f"redis://127.0.0.1:{port}/0")
    for line in rules():
        words = shlex.split(line)
        client.execute_command(*[f">{password(words[2])}" if word == ">SECRET" else word for word in words])
    client.close()
    return connect(url_of("admin", port))


def url_of(user: str, port: int) -> str:
    return f"redis://{user}:{password(user)}@127.0.0.1:{port}/0"
