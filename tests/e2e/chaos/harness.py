"""Jobs on workers that are killed at random, with the platform, the beat and Valkey; then what must hold of all."""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx

from common.job import Job
from common.keys import Keys
from common.matrix import expand
from common.states import JobState
from tests.e2e.stack import KEY, SAMPLE, Stack, eventually
from tests.invariants import assert_invariants

WORKERS = ("worker-1", "worker-2", "worker-3")


class Chaos:
    """`seed` draws what is killed and when."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.stack = Stack(
            folder,
            HINTRELAY_LEASE_SECONDS="3",
            HINTRELAY_NUDGE_SECONDS="3",
            HINTRELAY_DOUBT_SECONDS="4",
            HINTRELAY_LOOK_SECONDS="5",
            HINTRELAY_TICK_SECONDS="0.4",
            HINTRELAY_REQUEST_TIMEOUT_SECONDS="5",
        )
        self.kills: Counter[str] = Counter()
        self.starts: dict[str, Callable[[], None]] = {
            **{name: self._worker(name) for name in WORKERS},
            "beat": lambda: self.stack.start("beat"),
            "valkey": self.stack.start_valkey,
            "sandbox": lambda: self.stack.start_sandbox("--train-seconds", "4", "--validate-seconds", "0.3"),
        }

    def start(self) -> None:
        self.starts["sandbox"]()
        for name in (*WORKERS, "beat"):
            self.starts[name]()

    def submit(self, count: int) -> list[str]:
        """`count` jobs, half of them with an early name."""
        rates = [round(1e-5 * (1 + n / 100), 10) for n in range(count)]
        specs = expand(
            {
                "version": 1,
                "fresh": True,  # one run each is the promise that is tested
                "name": "chaos-{finetune.learning_rate}",
                "dataset": {"source": str(SAMPLE), "test_limit": 3},
                "finetune": {"model": "meta-llama/Meta-Llama-3-8B-Instruct", "suffix": "chaos"},
                "generate": {"num_of_hints": 2, "batch_size": 1},
                "evaluate": {"metrics": ["rouge1"]},
                "limits": {"max_attempts": 50},
                "matrix": {"finetune.learning_rate": rates},
            }
        )
        producer = self.stack.producer()
        jobs = [str(job) for job in producer.submit_all(specs)]
        for job in jobs:
            producer.register_deployment(job, f"acme/{job}")
        return jobs

    def rage(self, seconds: float, victims: tuple[str, ...], pause_s: tuple[float, float] = (0.5, 1.5)) -> None:
        """Kill -9 one of `victims`, again and again; each is started again, servers after a while."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(self.random.uniform(*pause_s))
            name = self.random.choice(victims)
            self.stack.kill(name)
            self.kills[name] += 1
            if name in {"valkey", "sandbox"}:
                time.sleep(self.random.uniform(0.1, 1.0))
            self.starts[name]()

    def restart_what_ended(self) -> None:
        """A supervisor's part: kombu can exit when Redis goes away at a bad moment."""
        for name, start in self.starts.items():
            if self.stack.processes[name].poll() is not None:
                start()

    def settle(self, timeout_s: float = 120) -> list[Job]:
        producer = self.stack.producer()

        def ended() -> list[Job] | None:
            self.restart_what_ended()
            jobs = producer.list()
            return jobs if all(job.finished for job in jobs) else None

        found: list[Job] = eventually(ended, f"all jobs have ended {self.stack.tail(5)}", timeout_s)
        return found

    def check(self, jobs: list[str]) -> None:
        """Every job succeeded, one kept run each, every hint stored once, nothing left over, events in order."""
        producer = self.stack.producer()
        assert_invariants(producer.store)
        states = Counter(job.state for job in producer.list())
        failed = [(job.id, job.error) for job in producer.list() if job.state is not JobState.SUCCEEDED]
        assert states == {JobState.SUCCEEDED: len(jobs)}, failed
        client = producer.store.client
        assert client.zcard(Keys.due) == 0
        assert not list(client.scan_iter(Keys.pieces("*")))
        self.check_runs(jobs, all_of_them=True)
        for job in jobs:
            self._check_hints(job)

    def check_runs(self, jobs: list[str], *, all_of_them: bool = False) -> None:
        """One kept run for each job; with `all_of_them` no other run either."""
        kept = Counter(run["suffix"] for run in self._runs() if run["status"] not in {"cancelled", "cancel_requested"})
        wanted = Counter(f"chaos-{job}" for job in jobs)
        assert (kept if all_of_them else Counter({suffix: kept[suffix] for suffix in wanted})) == wanted

    def _check_hints(self, job_id: str) -> None:
        from producer.bootstrap import artifacts

        producer = self.stack.producer()
        pointer = producer.get(job_id).pointer("results")
        assert pointer is not None
        result = json.loads(artifacts(producer.settings).get(pointer))
        instances = result["subsets"]["test"]["instances"]
        assert [len(one["hints"]) for one in instances.values()] == [2, 2, 2]

    def _runs(self) -> list[dict[str, str]]:
        url = f"http://127.0.0.1:{self.stack.sandbox_port}/v1/fine-tunes"
        answer = httpx.get(url, headers={"Authorization": f"Bearer {KEY}"}, timeout=10).raise_for_status()
        runs: list[dict[str, str]] = answer.json()["data"]
        return runs

    def _worker(self, name: str) -> Callable[[], None]:
        command = [sys.executable, "-m", "tests.e2e.chaos.worker", "platform,hints"]
        return lambda: (self.stack.spawn(name, command), None)[1]
