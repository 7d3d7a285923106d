"""The stages: functions (job, ports, desk) -> Outcome. They know neither Celery nor Redis."""

from __future__ import annotations

from collections.abc import Callable

from common.job import Job
from common.outcomes import Outcome
from worker.ports import Desk, Ports
from worker.stages.cancel import cancel
from worker.stages.deploy import deploy
from worker.stages.evaluate import evaluate
from worker.stages.finetune import finetune
from worker.stages.generate import generate
from worker.stages.prepare import prepare
from worker.stages.upload import upload

Stage = Callable[[Job, Ports, Desk], Outcome]

BY_NAME: dict[str, Stage] = {
    "prepare": prepare,
    "upload": upload,
    "finetune": finetune,
    "deploy": deploy,
    "generate": generate,
    "evaluate": evaluate,
    "cancel": cancel,
}
