"""Shared fixtures: job stores over fakeredis and over a real Valkey, with a clock that tests move."""

from __future__ import annotations

import gc
import socket
import subprocess
from collections.abc import Callable, Iterator

import fakeredis
import psutil
import pytest

from common import embedded
from common.connection import Client, connect
from common.store import Store
from tests.jobs_made import MovableClock


@pytest.fixture(autouse=True, scope="module")
def collected() -> Iterator[None]:
    """What a module left open is told of in its last test, and not wherever Python's collector runs next."""
    yield
    gc.collect()
    gc.freeze()  # what is there stays: to look through it again takes half a minute of CPU over the suite


@pytest.fixture
def children() -> Callable[[], set[psutil.Process]]:
    """The processes that this one has started since the test began, and that are there: not a session's Valkey."""
    others = set(psutil.Process().children())
    return lambda: set(psutil.Process().children()) - others


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def store(clock: MovableClock) -> Store:
    """A job store over fakeredis."""
    return Store(fakeredis.FakeRedis(decode_responses=True), url="redis://fake", actor="tester", clock=clock)


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Valkey server of this session's own (of each xdist worker's, as each has its session)."""
    port = _free_port()
    url = f"redis://127.0.0.1:{port}/0"
    process = subprocess.Popen(embedded.argv(tmp_path_factory.mktemp("valkey"), port), stdout=subprocess.DEVNULL)
    try:
        embedded.await_ready(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def valkey(valkey_url: str) -> Iterator[Client]:
    """An empty real Valkey."""
    client = connect(valkey_url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def valkey_store(valkey: Client, valkey_url: str, clock: MovableClock) -> Store:
    """A job store over real Valkey."""
    return Store(valkey, url=valkey_url, actor="tester", clock=clock)


@pytest.fixture(params=["fakeredis", "valkey"])
def any_store(request: pytest.FixtureRequest) -> Store:
    """The same test over both."""
    chosen: Store = request.getfixturevalue("store" if request.param == "fakeredis" else "valkey_store")
    return chosen


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
