"""An installation with endpoints whose workers and beat are killed and started together; everything is soon noticed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.e2e.stack import SAMPLE, Stack


class Installation:
    """Its workers ask plainly: HintEval's import takes longer than one lives here. `start` it when its platform is."""

    def __init__(self, folder: Path, platform_url: str | None = None, *, workers: int, endpoints: int) -> None:
        self.workers = [f"worker-{number}" for number in range(1, workers + 1)]
        self.stack = Stack(
            folder,
            platform_url,
            HINTRELAY_LEASE_SECONDS="2",
            HINTRELAY_NUDGE_SECONDS="2",
            HINTRELAY_DOUBT_SECONDS="3",
            HINTRELAY_TICK_SECONDS="0.4",
            HINTRELAY_MAX_ENDPOINTS=str(endpoints),
        )

    def start(self) -> None:
        for name in self.workers:
            self.stack.spawn(name, [sys.executable, "-m", "tests.e2e.chaos.worker", "platform,hints"])
        self.stack.start("beat")

    def kill(self) -> None:
        for name in (*self.workers, "beat"):
            self.stack.kill(name)

    def submit(self, count: int, **deploy: Any) -> list[str]:
        document = {
            "version": 1,
            "name": "job-{finetune.learning_rate}",
            "dataset": {"source": str(SAMPLE), "test_limit": 4},
            "finetune": {"model": "meta-llama/Meta-Llama-3-8B-Instruct", "suffix": "served", "batch_size": 16},
            "deploy": deploy,
            "generate": {"num_of_hints": 2, "batch_size": 1},
            "evaluate": {"metrics": ["rouge1"]},
            "limits": {"max_attempts": 50},
            "matrix": {"finetune.learning_rate": [round(1e-5 * (1 + n / 100), 10) for n in range(count)]},
        }
        path = self.stack.folder / "jobs.json"
        path.write_text(json.dumps(document))
        return [job["job"] for job in self.stack.json("submit", str(path))]
