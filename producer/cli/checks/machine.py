"""What this machine has: Python, files, folders, extras."""

from __future__ import annotations

import os
import platform as system
import sys
import tempfile
from pathlib import Path

from common.settings import Settings
from producer.cli.checks.finding import Finding
from producer.cli.crew import has_hints


def python() -> Finding:
    """3.11 and 3.12 are supported."""
    version = system.python_version()
    if (3, 11) <= sys.version_info < (3, 13):
        return Finding("python", "ok", version)
    return Finding("python", "fault", version, "use Python 3.11 or 3.12")


def files() -> Finding:
    """Which files of settings are read, from where the command runs."""
    found = [name for name in (".env", "hintrelay.toml") if Path(name).is_file()]
    return Finding("settings files", "ok", f"{' and '.join(found) if found else 'none'} in {Path.cwd()}")


def hints() -> Finding:
    """The extra that the hints worker needs."""
    if has_hints():
        return Finding("hints extra", "ok", "installed")
    mend = "pip install 'hintrelay[hints]' where `hintrelay worker --queues hints` is to run"
    return Finding("hints extra", "warn", "not installed: no worker of the queue hints can run here", mend)


def metrics() -> list[Finding]:
    """Which of HintEval's metrics can be taken on this machine; none where its worker cannot run."""
    from common.metric_models import missing
    from common.metrics import METRICS
    from common.spec import EvaluateSpec

    if not has_hints():
        return []
    model = EvaluateSpec().sentence_model
    lacking = {name: why for name in METRICS if (why := missing(name, model))}
    judged = sum(about.judged for about in METRICS.values())
    message = f"{len(METRICS) - len(lacking)} of {len(METRICS)} can be taken here, {judged} of them by a judge"
    if lacking:
        message += "; not " + "; ".join(f"{name}: {why}" for name, why in lacking.items())
    return [Finding("metrics", "ok", message)]


def home(settings: Settings) -> Finding:
    """Where data is kept has to be writable."""
    folder = settings.home
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as exc:
        why = exc.strerror or str(exc)
        return Finding("home", "fault", f"{folder}: {why}", "make it writable, or set HINTRELAY_HOME")
    return Finding("home", "ok", str(folder))


def artifacts(settings: Settings) -> Finding:
    """A small file goes in and comes back."""
    from producer.bootstrap import artifacts as open_store

    mend = "check HINTRELAY_ARTIFACTS and its credentials; all machines have to see the same store"
    try:
        store = open_store(settings)
        pointer = store.put(f"hintrelay doctor {os.getpid() % 8}".encode())
        store.get(pointer)
    except Exception as exc:  # each file system of fsspec has errors of its own
        return Finding("artifacts", "fault", f"{settings.artifacts_url}: {exc}"[:200], mend)
    return Finding("artifacts", "ok", settings.artifacts_url)
