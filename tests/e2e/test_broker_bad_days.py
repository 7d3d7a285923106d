"""The broker's bad days: dead, empty, frozen, cut, half-open, full. Roles go on by themselves; people get an answer."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from common.errors import Unreachable
from common.keys import Keys
from common.states import JobState
from common.store import Store
from tests.e2e.bad_days import BadDays, spec
from tests.e2e.proxy import Proxy
from tests.e2e.stack import eventually
from tests.invariants import assert_invariants

pytestmark = [pytest.mark.xdist_group("bad-days"), pytest.mark.timeout(180)]

NOTICED_S = 30.0  #: in so long each role has noticed a silent fault and works again
ANSWER_S = 15.0  #: in so long a person has an answer
SECRET = "canary-word"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BadDays]:
    """One Redis for jobs and messages, with append-only file."""
    yield from _started(BadDays(tmp_path_factory.mktemp("one")))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BadDays]:
    """Messages go over a broker of their own, which keeps nothing."""
    yield from _started(BadDays(tmp_path_factory.mktemp("two"), own_broker=True))


def _started(days: BadDays) -> Iterator[BadDays]:
    try:
        days.start()
        yield days
    finally:
        days.stop()


# ---- the roles ----


def test_a_broker_that_lost_all_messages_costs_no_job(two: BadDays) -> None:
    two.submit(8)
    two.stack.kill("broker")
    two.submit(2)  # stored, and sent by nobody
    two.start_broker()
    two.all_well()


def test_connections_cut_again_and_again_during_work_cost_no_job(one: BadDays) -> None:
    one.submit(6)
    for _ in range(6):
        cut = one.broker.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        assert cut, "there were some"
        eventually(lambda: len(one.broker.client_list(_type="normal")) > 3, "they are there again", 20)
    one.all_well()


def test_redis_killed_twice_costs_no_job(one: BadDays) -> None:
    jobs = one.submit(10)
    for state in (JobState.PREPARED, JobState.TRAINING):
        eventually(partial(one.got_to, state, jobs), f"a job is {state}", NOTICED_S)
        one.stack.kill("valkey")
        one.stack.start_valkey()
    one.all_well()


def test_a_frozen_redis_thaws_and_work_goes_on_while_people_had_an_answer(one: BadDays) -> None:
    one.submit(3)
    process = one.stack.processes["valkey"]
    os.kill(process.pid, signal.SIGSTOP)
    try:
        asked = time.monotonic()
        done = one.stack.cli("ls")
        _says_so(done, time.monotonic() - asked, one.line)
    finally:
        os.kill(process.pid, signal.SIGCONT)
    one.submit(1)
    key = one.submit_by_message()
    one.job_of(key, NOTICED_S)
    one.all_well()


def test_connections_that_silently_swallow_are_noticed_by_every_role(one: BadDays) -> None:
    one.submit(2)
    one.line.swallow()
    since = time.monotonic()
    (job,) = one.submit(1)
    key = one.submit_by_message()
    one.job_of(key, NOTICED_S)
    eventually(
        lambda: one.store.hget(Keys.job(job), "state") != "accepted",
        f"a worker works: {one.tail()}",
        since + NOTICED_S - time.monotonic(),
    )
    one.all_well()


def test_a_worker_process_that_ends_is_started_again(one: BadDays) -> None:
    """Kombu may end a worker when Redis goes at a bad moment; here it is told to."""
    before = len(one.ended())
    for pid in one.workers():
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: len(one.ended()) == before + 2, "the supervisor has noticed", 10)
    one.submit(1)
    one.all_well()


def test_a_worker_whose_acknowledgements_failed_does_not_stall(one: BadDays) -> None:
    """Kombu keeps such messages as in hand, and asks for no more when it has its fill."""
    before = len(one.ended())
    one.line.cut_if = lambda request: b"unacked_index" in request and b"HDEL" in request
    one.submit(6)
    try:
        eventually(lambda: len(one.ended()) > before, f"a worker noticed: {one.tail()}", NOTICED_S)
    finally:
        one.line.cut_if = None
    assert "worker_stalled" in one.log()
    one.submit(1)
    one.all_well()


def test_a_full_memory_is_told_and_nothing_is_half_written(one: BadDays) -> None:
    jobs = one.submit(4)
    eventually(partial(one.got_to, JobState.PREPARED, jobs), f"work goes on: {one.tail()}", NOTICED_S)
    one.store.config_set("maxmemory", one.store.info("memory")["used_memory"] // 2)
    try:
        before = one.store.zcard(Keys.jobs)
        done = one.stack.cli("submit", _spec_file(one.stack.folder))
        assert done.returncode == 8, done.stdout + done.stderr
        assert "refuses to write: its memory is full" in done.stderr
        assert one.store.zcard(Keys.jobs) == before
        assert_invariants(Store(one.store))
    finally:
        one.store.config_set("maxmemory", 0)
    one.submit(1)
    one.job_of(one.submit_by_message(), NOTICED_S)
    one.all_well()


# ---- people ----


def test_without_redis_people_have_a_clear_answer_in_time(one: BadDays) -> None:
    refusing, swallowing = Proxy(one.stack.port), Proxy(one.stack.port)
    lines = (refusing, swallowing)
    refusing.refuse()
    swallowing.swallow(new=True)
    before = one.store.zcard(Keys.jobs)
    spec_file = _spec_file(one.stack.folder)

    def command(line: Proxy, *words: str) -> None:
        asked = time.monotonic()
        done = one.stack.cli(*words, env={"HINTRELAY_REDIS_URL": _secret_url(line)})
        _says_so(done, time.monotonic() - asked, line)

    def program(line: Proxy) -> None:
        producer = one.producer(_secret_url(line))
        asked = time.monotonic()
        with pytest.raises(Unreachable, match=f"{line.port}/0 cannot be reached") as caught:
            producer.submit(spec("never"))
        assert time.monotonic() - asked < ANSWER_S
        assert SECRET not in caught.value.message
        producer.store.client.close()

    try:
        with ThreadPoolExecutor() as pool:
            asks = [pool.submit(program, line) for line in lines]
            asks += [pool.submit(command, line, "ls") for line in lines]
            asks += [pool.submit(command, line, "submit", spec_file) for line in lines]
            for ask in asks:
                ask.result()
    finally:
        for line in lines:
            line.close()
    assert one.store.zcard(Keys.jobs) == before


def test_a_program_whose_connection_went_deaf_gets_its_job_over_another_one(one: BadDays) -> None:
    line = Proxy(one.stack.port)
    producer = one.producer(f"redis://127.0.0.1:{line.port}/0")
    try:
        producer.list()
        line.swallow()
        asked = time.monotonic()
        one.named(producer.submit(spec("deaf")))
        assert time.monotonic() - asked < ANSWER_S
    finally:
        producer.store.client.close()
        line.close()
    one.all_well()


@pytest.mark.parametrize("fault", ["refused", "swallowed"])
def test_without_its_broker_a_job_is_stored_and_the_tick_sends_it(two: BadDays, fault: str) -> None:
    line = Proxy(two.broker_port)
    line.refuse() if fault == "refused" else line.swallow(new=True)
    try:
        asked = time.monotonic()
        words = ("submit", _spec_file(two.stack.folder), "-o", "json")
        done = two.stack.cli(*words, env={"HINTRELAY_BROKER_URL": _secret_url(line)})
        assert time.monotonic() - asked < ANSWER_S
    finally:
        line.close()
    assert done.returncode == 0, done.stderr
    assert "the tick will send" in done.stderr
    assert SECRET not in done.stdout + done.stderr
    two.named(json.loads(done.stdout)[0]["job"])
    two.all_well()


def _says_so(done: subprocess.CompletedProcess[str], took_s: float, line: Proxy) -> None:
    assert done.returncode == 8, done.stdout + done.stderr
    assert took_s < ANSWER_S
    sentence, *hint = done.stderr.splitlines()
    assert f"127.0.0.1:{line.port}/0 cannot be reached" in sentence
    assert len(hint) <= 1
    assert SECRET not in done.stderr


def _secret_url(line: Proxy) -> str:
    return f"redis://:{SECRET}@127.0.0.1:{line.port}/0"


def _spec_file(folder: Path) -> str:
    path = folder / "spec.json"
    path.write_text(json.dumps(spec("people").dump()))
    return str(path)
