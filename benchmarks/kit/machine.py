"""What a figure depends on: the machine, its system, the versions of everything."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psutil

OURS = ("celery", "kombu", "redis", "hiredis", "together", "hinteval", "orjson", "httpx", "openai", "pydantic")
PINNED = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+)", re.MULTILINE)
QUIET = 0.25  #: of each core: what a machine does that has nothing else to do
ROOT = Path(__file__).resolve().parents[2]


def describe() -> dict[str, str]:
    """Names and values, as they are printed and written beside every result."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "CPU": f"{_cpu()}, {os.cpu_count()} cores",
        "RAM": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": _system(),
        "Python": platform.python_version(),
        "Valkey": _valkey(),
        "hintrelay's libraries": ", ".join(f"{name} {version(name)}" for name in OURS),
        "load when it began": f"{os.getloadavg()[0]:.2f}",
    }


def busy(about: Mapping[str, str]) -> str:
    """A warning where others used the machine too when the run began, or nothing."""
    load, cores = float(about.get("load when it began", 0)), os.cpu_count() or 1
    if load <= QUIET * cores:
        return ""
    seen = f"load {load:g} on {cores} cores when it began"
    return f"the machine was busy with other work ({seen}): goals count neither as met nor as missed"


def peers(folder: Path, packages: Mapping[str, Sequence[str]]) -> str:
    """The versions of what each peer consists of; `packages` gives environment -> packages."""
    found = []
    for env, names in packages.items():
        pins = dict(PINNED.findall((folder / f"requirements-{env}.txt").read_text("utf-8")))
        found += [f"{name} {pins.get(name, '?')}" for name in names]
    return ", ".join(found)


def version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "absent"


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        found = re.search(r"^model name\s*:\s*(.+)$", info.read_text("utf-8", "replace"), re.MULTILINE)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def _system() -> str:
    release = Path("/etc/os-release")
    if release.is_file():
        found = re.search(r'^PRETTY_NAME="?([^"\n]+)', release.read_text("utf-8"), re.MULTILINE)
        if found:
            return f"{found[1]}, {platform.system()} {platform.release()}"
    return f"{platform.system()} {platform.release()}"


def _valkey() -> str:
    from common.embedded import binary

    words = subprocess.run([binary(), "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=(\S+)", words)
    return found[1] if found else "?"


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    return done.stdout.strip() or "?"
