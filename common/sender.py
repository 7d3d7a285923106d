"""Nudges on their way to Celery workers. The record is the truth; a message only wakes somebody up."""

from __future__ import annotations

import base64
import json
import os
import socket
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence

from common.connection import connect, reaching
from common.errors import Unreachable
from common.pipeline import Step
from common.settings import Settings

FULL_S = 1.0  #: a queue that was found full gets no nudge of its own accord for so long
EMBED = {"callbacks": None, "errbacks": None, "chord": None}


class Sender:
    """Puts chains of stages on the road. Connects when first used.

    Messages are written here, as Celery writes them, and pushed in one round trip: Celery needs a millisecond of CPU to
    make and send one, and half a second to be imported.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = settings.broker
        self._most = settings.max_backlog
        self._client = connect(settings.broker)
        self._full_until: dict[str, float] = {}

    def send(self, job_id: str, steps: Sequence[Step]) -> None:
        """One message, the later stages inside it. Raises Unreachable within 15 s when there is no broker."""
        if steps:
            self.send_many([(job_id, steps)])

    def send_many(self, nudges: Sequence[tuple[str, Sequence[Step]]]) -> None:
        """The same for many jobs in one round trip."""
        by_queue: dict[str, list[str]] = defaultdict(list)
        for job_id, steps in nudges:
            by_queue[steps[0].queue].append(message(job_id, steps))
        if not by_queue:
            return
        try:
            with reaching(self._url):
                pipe = self._client.pipeline(transaction=False)
                for queue, messages in by_queue.items():
                    pipe.lpush(queue, *messages)
                lengths = dict(zip(by_queue, pipe.execute(), strict=True))
        except Unreachable as exc:
            hint = "the jobs are stored; the tick sends them when the broker is back"
            raise Unreachable(f"no worker could be nudged: {exc.message}", hint=hint) from exc
        until = time.monotonic() + FULL_S
        self._full_until |= {queue: until for queue, length in lengths.items() if length >= self._most}

    def wake(self, job_id: str, steps: Sequence[Step], standing: int) -> None:
        """As `send`, where a worker may be idle: not when so many stand in line already, or so many messages wait, that
        all workers are busy. Who is the first to stand there always wakes one: that one sees to all that come later,
        and leaves a nudge when it goes before the line is empty. Raises Unreachable."""
        full = time.monotonic() < self._full_until.get(steps[0].queue, 0.0)
        if standing <= 1 or (standing <= self._most and not full):
            self.send(job_id, steps)

    def backlog(self, queues: Sequence[str]) -> dict[str, int]:
        """How many messages wait in each of our queues. Raises Unreachable."""
        with reaching(self._url):
            pipe = self._client.pipeline(transaction=False)
            for queue in queues:
                pipe.llen(queue)
            return dict(zip(queues, pipe.execute(), strict=True))


def message(job_id: str, steps: Sequence[Step]) -> str:
    """`chain(first.si(job_id), second.si(job_id), ...)` as Celery puts it on a queue: protocol 2, JSON."""
    root, *ids = (str(uuid.uuid4()) for _ in steps)
    first, *later = steps
    chain = [_signature(job_id, step, task_id, root) for step, task_id in zip(later, ids, strict=True)]
    body = json.dumps([[job_id], {}, {**EMBED, "chain": chain[::-1] or None}])
    envelope = {
        "body": base64.b64encode(body.encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": _headers(job_id, first, root),
        "properties": {
            "body_encoding": "base64",
            "correlation_id": root,
            "delivery_info": {"exchange": "", "routing_key": first.queue},
            "delivery_mode": 2,
            "delivery_tag": str(uuid.uuid4()),
            "priority": 0,
            "reply_to": "",
        },
    }
    return json.dumps(envelope)


def _headers(job_id: str, step: Step, task_id: str) -> dict[str, object]:
    return {
        "lang": "py",
        "task": step.task,
        "id": task_id,
        "root_id": task_id,
        "parent_id": None,
        "group": None,
        "group_index": None,
        "shadow": None,
        "eta": None,
        "expires": None,
        "retries": 0,
        "timelimit": [None, None],
        "argsrepr": f"('{job_id}',)",
        "kwargsrepr": "{}",
        "origin": f"{os.getpid()}@{socket.gethostname()}",
        "ignore_result": True,
        "stamped_headers": None,
        "stamps": {},
    }


def _signature(job_id: str, step: Step, task_id: str, root: str) -> dict[str, object]:
    options = {"queue": step.queue, "task_id": task_id, "root_id": root, "reply_to": ""}
    return {
        "task": step.task,
        "args": [job_id],
        "kwargs": {},
        "options": options,
        "subtask_type": None,
        "immutable": True,
    }
