"""What only a real server shows: its own clock, many clients at once, restarts of its script cache, blocking reads."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

from common.claims import LINES, Refusal
from common.connection import Client, connect
from common.errors import ConfigurationError, Unreachable
from common.eventlog import EventLog
from common.keys import QUEUE_HINTS, Keys
from common.pipeline import rest
from common.sender import Sender
from common.settings import Settings
from common.states import JobState
from common.store import Store
from tests.invariants import assert_invariants
from tests.jobs_made import LEASE_MS, claimed, made, new_job


def test_without_a_clock_of_its_own_the_store_goes_by_the_servers(valkey: Client) -> None:
    store = Store(valkey, actor="w")
    before = time.time() * 1000
    job = store.get(made(store))
    assert before - 2 <= job.created <= time.time() * 1000 + 2
    assert store.take_due(10, 1).ids == []
    assert_invariants(store)


def test_of_many_workers_only_one_gets_the_lease(valkey_store: Store, valkey_url: str) -> None:
    ids = [made(valkey_store) for _ in range(5)]
    stores = [Store(connect(valkey_url), actor=f"w{n}") for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for job_id in ids:
            tries = [pool.submit(store.claim, job_id, "prepare", JobState.ACCEPTED, LEASE_MS) for store in stores]
            answers = [each.result() for each in tries]
            assert sum(not isinstance(answer, Refusal) for answer in answers) == 1
    for store in stores:
        store.client.close()
    assert_invariants(valkey_store)


def test_of_many_submits_under_one_key_one_makes_the_job(valkey_store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        tries = [pool.submit(valkey_store.create, [new_job(key="nightly")]) for _ in range(16)]
        stored = [each.result()[0] for each in tries]
    assert sum(one.created for one in stored) == 1
    assert len({one.job_id for one in stored}) == 1
    assert_invariants(valkey_store)


def test_of_many_ticks_each_due_job_is_taken_by_one(valkey_store: Store, valkey: Client) -> None:
    ids = {one.job_id for one in valkey_store.create([new_job() for _ in range(300)], first_look_ms=0)}
    valkey_store.client.delete(*LINES)  # who stands in line needs no look
    with ThreadPoolExecutor(4) as pool:
        taken = [
            job
            for each in [pool.submit(valkey_store.take_due, 50, 9000) for _ in range(8)]
            for job in each.result().ids
        ]
    assert len(taken) == len(set(taken)) == 300
    assert set(taken) == ids


def test_more_jobs_can_be_due_at_once_than_luas_stack_holds(valkey_store: Store) -> None:
    valkey_store.client.zadd(Keys.due, {f"{n:08x}": 1 for n in range(20_000)})
    assert len(valkey_store.take_due(20_000, 1000).ids) == 20_000


def test_a_server_that_forgot_the_scripts_is_taught_them_again(valkey_store: Store) -> None:
    job_id = made(valkey_store)
    valkey_store.client.script_flush()
    lease = claimed(valkey_store, job_id)
    valkey_store.client.script_flush()
    assert valkey_store.renew([lease], LEASE_MS) == [1]
    assert made(valkey_store) != job_id


def test_events_are_followed_as_they_come_and_silence_is_told(valkey_store: Store, valkey_url: str) -> None:
    first = made(valkey_store)
    log = EventLog(connect(valkey_url), valkey_url)
    news = log.follow(log.last_id(), block_ms=30)
    assert next(news) is None
    writer = threading.Thread(target=valkey_store.move, args=(first, JobState.ACCEPTED, JobState.PREPARED))
    writer.start()
    event = next(event for event in news if event is not None)
    writer.join()
    assert (event.job, event.type, event.to) == (first, "data_prepared", "prepared")
    assert next(news) is None


def test_nothing_is_skipped_by_a_follower_that_begins_at_the_beginning(valkey_store: Store) -> None:
    stored = valkey_store.create([new_job() for _ in range(1200)])
    news = EventLog(valkey_store.client).follow("0-0", block_ms=10)
    assert [event.job for event in islice(news, 1200) if event] == [one.job_id for one in stored]


def test_a_chain_is_one_message_of_the_first_stage_with_the_rest_inside(valkey: Client, valkey_url: str) -> None:
    settings = Settings(redis_url=valkey_url)
    sender = Sender(settings)
    sender.send_many([("ab12", rest(JobState.ACCEPTED)), ("cd34", rest(JobState.GENERATED))])
    envelopes = [json.loads(raw) for raw in valkey.lrange(QUEUE_HINTS, 0, -1)]
    assert {one["headers"]["task"] for one in envelopes} == {"hintrelay.prepare", "hintrelay.evaluate"}
    assert valkey.llen(QUEUE_HINTS) == 2


def test_a_server_that_is_not_there_is_unreachable_and_its_password_not_told() -> None:
    url = "redis://:hunter22@127.0.0.1:1/0"
    store = Store(connect(url), url=url)
    with pytest.raises(Unreachable, match=r"Redis at redis://:\*\*\*@127.0.0.1:1/0 cannot be reached"):
        store.get("ab12")


def test_a_refused_login_is_a_matter_of_configuration(valkey_url: str) -> None:
    url = valkey_url.replace("redis://", "redis://nobody:wrong@")
    with pytest.raises(ConfigurationError, match="refuses the login"):
        Store(connect(url), url=url).ids()
