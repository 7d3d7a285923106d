"""Which versions of what made a result."""

from __future__ import annotations

from importlib import metadata
from platform import python_version

#: packages whose versions decide what the numbers are
PACKAGES = ("hintrelay", "hinteval", "together")


def versions(*more: str) -> dict[str, str]:
    """Package -> version, of those that are installed here; and Python's own."""
    found = {"python": python_version()}
    for name in (*PACKAGES, *more):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
