"""An idle worker holds no package that only work needs: it waits for hours, and there may be many."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("pydantic", "rich", "opentelemetry", "together", "httpx", "openai", "hinteval")
WORKER = """
import sys
from worker import __main__  # first, as in `python -m worker`
from common import logs
from common.settings import load
from worker import process, tasks
from worker.bootstrap import build
from worker.stopping import StopFlag

settings = load()
logs.configure(settings)
build(settings, ["platform"], StopFlag())
print(*(name for name in sys.argv[1:] if name in sys.modules))
"""


def test_a_platform_worker_that_waits_has_loaded_nothing_heavy() -> None:
    command = [sys.executable, "-c", WORKER, *HEAVY]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env={"HINTRELAY_PLATFORM": "sandbox"})
    assert told.stdout.split() == []


def test_what_was_kept_away_from_another_package_can_be_imported_later() -> None:
    script = "import worker, rich; print(rich.__name__)"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "rich"
