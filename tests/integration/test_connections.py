"""Connections are closed with the adapter that made them, in whatever order Python finds what is no longer used."""

from __future__ import annotations

import contextlib
import gc
import warnings
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from common.collector import resting_collector
from common.connection import connect
from common.errors import HintrelayError
from common.settings import load
from producer.bootstrap import build
from producer.quoting import TogetherQuotes
from worker.adapters.hinteval_judge import HintEvalJudge
from worker.adapters.together import TogetherPlatform
from worker.adapters.together_endpoints import TogetherEndpoints

Use = Callable[[], object]


def platform(url: str) -> Use:
    return TogetherPlatform(base_url=f"{url}/v1", api_key="any", timeout_s=5).runs


def endpoints(url: str) -> Use:
    made = TogetherEndpoints(root=url, chat_url=f"{url}/v1", api_key="any", timeout_s=5)

    def use() -> None:
        made.endpoints()
        made.answers("nobody/knows-it")

    return use


def judge(url: str) -> Use:
    return partial(HintEvalJudge(base_url=f"{url}/v1", api_key="any").check, "nobody/knows-it")


def quotes(url: str) -> Use:
    return partial(TogetherQuotes(base_url=f"{url}/v1", api_key="any", timeout_s=5).hardware, "nobody/knows-it")


def redis(url: str) -> Use:
    return connect(url).ping  # type: ignore[no-any-return]  # a client is untyped


@pytest.mark.parametrize("adapter", [platform, endpoints, judge, quotes])
def test_connections_are_closed_with_their_adapter(sandbox_url: str, adapter: Callable[[str], Use]) -> None:
    closed_with(adapter, sandbox_url)


def test_connections_to_redis_are_closed_with_their_client(valkey_url: str) -> None:
    closed_with(redis, valkey_url)


def closed_with(adapter: Callable[[str], Use], url: str) -> None:
    """Also in a ring, which Python's collector ends in no order that one may rest on: here the youngest come first."""
    gc.collect()
    before = connections(url)
    with resting_collector(), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        use = adapter(url)
        ring: list[object] = [use]
        ring.append(ring)
        gc.collect(0)  # the adapter is older now than the connections to come
        with contextlib.suppress(HintrelayError):  # the platform does not know the model; it was asked
            use()
        assert connections(url) > before
        del use, ring
        gc.collect()
    assert connections(url) == before
    assert [str(one.message) for one in told] == []


def connections(url: str) -> int:
    """How many this process has to `url`."""
    port = urlsplit(url).port
    found = psutil.Process().net_connections("tcp")
    return sum(bool(one.raddr) and one.raddr.port == port and one.status == psutil.CONN_ESTABLISHED for one in found)


def test_a_producer_that_is_given_up_needs_no_collector(valkey_url: str, tmp_path: Path) -> None:
    producer = build(load(environ={"HINTRELAY_REDIS_URL": valkey_url, "HINTRELAY_HOME": str(tmp_path)}))
    assert producer.list() == []
    client = weakref.ref(producer.store.client)
    with resting_collector():
        del producer
        assert client() is None
