"""Two Valkeys and their Sentinel: the master dies, its replica takes over, and work goes on by itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.embedded import argv, await_ready, binary
from common.errors import Unreachable
from common.states import JobState, reached
from producer import Producer
from tests.e2e.chaos.harness import Chaos
from tests.e2e.stack import eventually, free_port

pytestmark = [pytest.mark.xdist_group("bad-days"), pytest.mark.timeout(120)]

SERVICE = "hints"


class WithSentinel(Chaos):
    """A master (the stack's Valkey), a replica, a Sentinel, and in the URL one more Sentinel that does not run."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, seed=0)
        self.replica_port, self.sentinel_port = free_port(), free_port()
        self.stack.env["HINTRELAY_REDIS_URL"] = (
            f"redis+sentinel://127.0.0.1:{free_port()},127.0.0.1:{self.sentinel_port}/0/{SERVICE}"
        )

    def start(self) -> None:
        replica = [*argv(self.stack.folder / "replica", self.replica_port), "--replicaof", "127.0.0.1"]
        await_ready(self.url(self.replica_port), self.stack.spawn("replica", [*replica, str(self.stack.port)]))
        self._start_sentinel()
        self.stack.start_sandbox("--train-seconds", "1", "--validate-seconds", "0.1")
        self.stack.spawn("serve", [sys.executable, "-m", "tests.e2e.chaos.serve"])
        log = self.stack.folder / "serve.log"
        eventually(lambda: log.read_text().count('"worker_ready"') == 2, f"workers: {self.stack.tail()}", 40)

    def restart_what_ended(self) -> None:
        """The supervisor's part here."""

    def url(self, port: int) -> str:
        return f"redis://127.0.0.1:{port}/0"

    def _start_sentinel(self) -> None:
        settings = self.stack.folder / "sentinel.conf"  # it writes into it
        settings.write_text(
            f"port {self.sentinel_port}\nbind 127.0.0.1\ndir {self.stack.folder}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {self.stack.port} 1\n"
            f"sentinel down-after-milliseconds {SERVICE} 1000\nsentinel failover-timeout {SERVICE} 3000\n"
        )
        process = self.stack.spawn("sentinel", [binary(), str(settings), "--sentinel"])
        await_ready(self.url(self.sentinel_port), process)


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[WithSentinel]:
    relay = WithSentinel(tmp_path)
    try:
        relay.start()
        yield relay
    finally:
        relay.stack.stop()


def test_the_master_dies_and_jobs_go_on_with_the_replica(relay: WithSentinel) -> None:
    producer = relay.stack.producer()
    before = relay.submit(3)
    eventually(lambda: any(reached(job.state, JobState.TRAINING) for job in producer.list()), "work goes on", 30)
    replicated = producer.store.client.wait(1, 2000)
    assert replicated == 1
    relay.stack.kill("valkey")
    eventually(lambda: _answers(producer), "the replica has taken over", 30)
    assert producer.store.client.config_get("port")["port"] == str(relay.replica_port)
    after = relay.submit(1)
    relay.settle(60)
    relay.check([*before, *after])


def test_without_a_sentinel_people_have_a_clear_answer(relay: WithSentinel) -> None:
    relay.stack.kill("sentinel")
    done = relay.stack.cli("ls")
    assert done.returncode == 8
    assert f"{relay.sentinel_port}/0/{SERVICE} cannot be reached: none of these Sentinels answers" in done.stderr


def _answers(producer: Producer) -> bool:
    try:
        producer.list()
    except Unreachable:
        return False
    return True
