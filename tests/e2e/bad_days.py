"""An installation for the broker's bad days: every role reaches its Redis through a proxy, under the supervisor."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.connection import connect
from common.embedded import argv, await_ready
from common.keys import QUEUE_INBOX, Keys
from common.settings import load
from common.spec import JobSpec
from common.states import JobState, reached
from producer import Producer
from producer.bootstrap import build
from tests.e2e.chaos.harness import Chaos
from tests.e2e.proxy import Proxy
from tests.e2e.stack import SAMPLE, eventually, free_port


class BadDays(Chaos):
    """Roles reach the store by `line` alone; with `own_broker`, another Valkey carries messages, over `broker_line`."""

    def __init__(self, folder: Path, *, own_broker: bool = False) -> None:
        super().__init__(folder, seed=0)
        self.jobs: list[str] = []
        self.broker_port = self.stack.port
        self.line = self.broker_line = self._line("HINTRELAY_REDIS_URL", self.stack.port)
        if own_broker:
            self.broker_port = free_port()
            self.start_broker()
            self.broker_line = self._line("HINTRELAY_BROKER_URL", self.broker_port)
        self.store = connect(self.stack.redis_url)  #: not over the line: no fault of it touches this one
        self.broker = connect(f"redis://127.0.0.1:{self.broker_port}/0")  #: the same

    def start(self) -> None:
        """All roles; returns when the worker is ready and the inbox is read."""
        self.stack.start_sandbox("--train-seconds", "1", "--validate-seconds", "0.1")
        self.stack.spawn("serve", [sys.executable, "-m", "tests.e2e.chaos.serve"])
        eventually(lambda: self.log().count('"worker_ready"') == 2, "the workers are ready", 40)
        eventually(lambda: self.broker.zcard(Keys.readers), "the inbox is read", 40)

    def stop(self) -> None:
        for line in {self.line, self.broker_line}:
            line.heal()
        self.stack.stop()
        for line in {self.line, self.broker_line}:
            line.close()
        self.store.close()
        self.broker.close()

    def start_broker(self) -> None:
        """A broker that keeps nothing on disk."""
        command = argv(self.stack.folder / "broker", self.broker_port)
        command[command.index("--appendonly") + 1] = "no"
        await_ready(f"redis://127.0.0.1:{self.broker_port}/0", self.stack.spawn("broker", command))

    def submit(self, count: int) -> list[str]:
        """`count` jobs more, whose models' names are registered."""
        found = super().submit(count)
        self.jobs += found
        return found

    def submit_by_message(self) -> str:
        """A job over the inbox, past the line; its key."""
        key = f"message-{time.monotonic_ns()}"
        self.push("hintrelay.submit", {"spec": spec(key).dump(), "key": key})
        return key

    def job_of(self, key: str, timeout_s: float) -> str:
        """The job that a message has led to, once it was read; its name is registered then."""
        known = eventually(
            lambda: self.store.hget(Keys.idempotency, key), f"the inbox is read: {self.tail()}", timeout_s
        )
        return self.named(known.split()[0])

    def named(self, job: str) -> str:
        """A job that was submitted otherwise counts from now on; its model's name is registered by message."""
        self.push("hintrelay.register_deployment", {"job": job, "name": f"acme/{job}"})
        self.jobs.append(job)
        return job

    def push(self, task: str, kwargs: dict[str, Any]) -> None:
        """Put a message on the inbox, past the line."""
        body = json.dumps([[], kwargs, {}])
        headers = {"task": task, "id": f"id-{time.monotonic_ns()}"}
        self.broker.lpush(
            QUEUE_INBOX, json.dumps({"body": body, "content-type": "application/json", "headers": headers})
        )

    def all_well(self, timeout_s: float = 60) -> None:
        """Every job so far has succeeded, with one run each, and nothing is left over."""
        self.settle(timeout_s)
        self.check(self.jobs)

    def restart_what_ended(self) -> None:
        """The supervisor's part here."""

    def producer(self, redis_url: str) -> Producer:
        """A Python program that reaches the store by a way of its own."""
        environ = {**self.stack.env, "HINTRELAY_REDIS_URL": redis_url}
        return build(load(environ=environ, folder=self.stack.folder))

    def got_to(self, state: JobState, jobs: Sequence[str]) -> bool:
        """Whether one of `jobs` is in `state` or beyond it: a state may last too short to be seen."""
        states = [self.store.hget(Keys.job(job), "state") for job in jobs]
        return any(reached(JobState(found), state) for found in states if found)

    def workers(self) -> list[int]:
        """The process ids of the Celery processes under the supervisor: for each queue the one that last gave a sign.

        One that ended and was started again is remembered for a minute; its id may be somebody else's by then.
        """
        signs = [name.split() for name in self.store.zrange(Keys.workers, 0, -1)]
        return [int(place.rpartition(":")[2]) for place in dict(signs).values()]

    def log(self) -> str:
        return (self.stack.folder / "serve.log").read_text("utf-8", "replace")

    def tail(self) -> str:
        return self.stack.tail(20)

    def ended(self) -> list[str]:
        """What the supervisor told of processes that ended."""
        return [line for line in self.log().splitlines() if '"process_ended"' in line]

    def _line(self, name: str, target: int) -> Proxy:
        line = Proxy(target)
        self.stack.env[name] = f"redis://127.0.0.1:{line.port}/0"
        return line


def spec(name: str) -> JobSpec:
    return JobSpec.parse(
        {
            "version": 1,
            "fresh": True,  # each job has a run of its own, and its life can be told from the others'
            "name": name,
            "dataset": {"source": str(SAMPLE), "test_limit": 3},
            "finetune": {"model": "meta-llama/Meta-Llama-3-8B-Instruct", "suffix": "chaos"},
            "generate": {"num_of_hints": 2, "batch_size": 1},
            "evaluate": {"metrics": ["rouge1"]},
            "limits": {"max_attempts": 50},
        }
    )
