"""A Redis that refuses in the middle, or whose answer gets lost: a step is made whole, once, or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from common.connection import Client, connect
from common.creation import BATCH, Stored
from common.errors import Unreachable
from common.keys import Keys
from common.states import JobState
from common.store import Store
from tests.e2e.proxy import Proxy
from tests.invariants import assert_invariants
from tests.jobs_made import claimed, in_state, made, new_job


@pytest.fixture
def full(valkey: Client) -> Iterator[Callable[[int], None]]:
    """Leaves so many bytes of memory, from now on."""

    def fill(left: int) -> None:
        valkey.config_set("maxmemory", valkey.info("memory")["used_memory"] + left)

    try:
        yield fill
    finally:
        valkey.config_set("maxmemory", 0)


@pytest.fixture
def proxy(valkey_url: str) -> Iterator[Proxy]:
    proxy = Proxy(urlsplit(valkey_url).port or 0)
    yield proxy
    proxy.close()


@pytest.fixture
def far_store(proxy: Proxy) -> Iterator[Store]:
    """A store whose connection the proxy can cut."""
    client = connect(f"redis://127.0.0.1:{proxy.port}/0")
    yield Store(client, url="redis://far", actor="tester")
    client.close()


@pytest.mark.parametrize("left", [-100_000, 20_000, 100_000, 300_000])
def test_a_batch_that_memory_runs_out_for_is_stored_whole_or_not_at_all(
    valkey_store: Store, full: Callable[[int], None], left: int
) -> None:
    made(valkey_store)
    full(left)
    stored: list[Stored] = []
    with contextlib.suppress(Unreachable):
        stored = valkey_store.create([new_job() for _ in range(BATCH)])
    assert len(stored) in {0, BATCH}
    assert len(valkey_store.ids()) == 1 + len(stored)
    assert_invariants(valkey_store)


def test_without_memory_every_script_refuses_before_it_has_written(
    valkey_store: Store, valkey: Client, full: Callable[[int], None]
) -> None:
    fresh, trained = made(valkey_store), in_state(valkey_store, JobState.TRAINED)
    held = made(valkey_store, digest="d2")
    lease = claimed(valkey_store, held, "prepare", JobState.ACCEPTED)
    before = _everything(valkey)
    full(-100_000)
    steps: list[Callable[[], object]] = [
        lambda: valkey_store.create([new_job(key="k")]),
        lambda: valkey_store.claim(fresh, "prepare", JobState.ACCEPTED, 1000),
        lambda: valkey_store.renew([lease], 1000),
        lambda: valkey_store.move(held, JobState.ACCEPTED, JobState.PREPARED, {"data": "x"}, lease=lease),
        lambda: valkey_store.defer(lease, "retry", 1000, "why", event="attempt_failed"),
        lambda: valkey_store.note(held, {"run_id": "r1"}, lease=lease, pieces={"a": "b"}, event="noted"),
        lambda: valkey_store.register(trained, "acme/model"),
        lambda: valkey_store.wish(fresh),
        lambda: valkey_store.tell(fresh, "noted", {}),
        lambda: valkey_store.take_due(10, 1000),
    ]
    for step in steps:
        with pytest.raises(Unreachable, match="its memory is full"):
            step()
    assert _everything(valkey) == before


def test_a_replica_is_told_as_what_it_is(valkey_store: Store, valkey: Client) -> None:
    valkey.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(Unreachable, match="refuses to write: it is a replica"):
            valkey_store.create([new_job()])
    finally:
        valkey.replicaof("NO", "ONE")


@pytest.mark.parametrize("key", ["", "nightly"])
def test_a_submit_whose_answer_got_lost_makes_its_jobs_once(
    proxy: Proxy, far_store: Store, valkey: Client, key: str
) -> None:
    proxy.lose_answer_if = lambda: valkey.zcard(Keys.jobs) > 0
    stored = far_store.create([new_job(digest="d1", key=key), new_job(digest="d2")])
    assert proxy.lose_answer_if is None, "an answer was lost"
    assert [one.created for one in stored] == [True, True]
    assert far_store.ids() == [one.job_id for one in stored]
    assert_invariants(far_store)


def test_a_claim_whose_answer_got_lost_is_no_crash_and_holds_the_lease(
    proxy: Proxy, far_store: Store, valkey: Client
) -> None:
    job_id = made(far_store)
    proxy.lose_answer_if = lambda: bool(valkey.hget(Keys.job(job_id), "lease"))
    claimed(far_store, job_id, "prepare", JobState.ACCEPTED)
    assert proxy.lose_answer_if is None, "an answer was lost"
    assert far_store.get(job_id).crashes == 0


def _everything(client: Client) -> dict[str, bytes]:
    return {key: _raw(client, key) for key in client.scan_iter("*")}


def _raw(client: Client, key: str) -> bytes:
    """A key's value as Redis would dump it."""
    value: bytes = client.execute_command("DUMP", key, NEVER_DECODE=True)
    return value
