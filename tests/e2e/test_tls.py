"""Redis by rediss://: with the right CA everything works, without it nothing is sent and one sentence says why."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kombu.exceptions import OperationalError

from common.broker import make_celery
from common.connection import Client, connect, reaching
from common.errors import Unreachable
from common.keys import QUEUE_HINTS, QUEUE_INBOX, QUEUE_PLATFORM, Keys
from common.pipeline import rest
from common.sender import Sender
from common.settings import Settings, load
from common.states import JobState
from tests.e2e.stack import ROOT, clean_environ, eventually
from tests.e2e.tls import Authority, Terminator

pytestmark = [pytest.mark.xdist_group("end-to-end-tls"), pytest.mark.timeout(90)]

UNTRUSTED = "shows a certificate that is not trusted here"
Server = Callable[[str], Terminator]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def server(authority: Authority, valkey: Client, valkey_url: str) -> Iterator[Server]:
    """Starts a TLS server before the session's Valkey, its certificate made out to a name."""
    port = int(valkey_url.rpartition(":")[2].partition("/")[0])
    started: list[Terminator] = []

    def start(alternative: str = "IP:127.0.0.1") -> Terminator:
        context: ssl.SSLContext = authority.certificate(f"server-{len(started)}", alternative)
        started.append(Terminator(port, context))
        return started[-1]

    yield start
    for one in started:
        one.close()


def settings(url: str, folder: Path) -> Settings:
    return load({"redis_url": url, "platform": "sandbox"}, environ={}, folder=folder)


@pytest.fixture
def good_url(server: Server, authority: Authority) -> str:
    return f"rediss://127.0.0.1:{server('IP:127.0.0.1').port}/0?ssl_ca_certs={authority.ca}"


def test_store_and_broker_are_reached_when_the_ca_is_named(good_url: str, valkey: Client, tmp_path: Path) -> None:
    given = settings(good_url, tmp_path)
    sender = Sender(given)
    sender.send("abcdef12", rest(JobState.ACCEPTED))
    assert sender.backlog([QUEUE_HINTS]) == {QUEUE_HINTS: 1}
    assert valkey.llen(QUEUE_HINTS) == 1


def test_a_new_connection_is_ready_though_session_tickets_came_with_it(good_url: str) -> None:
    for _ in range(10):
        client = connect(good_url)
        assert client.ping()
        client.close()


@pytest.mark.parametrize("name", ["unknown CA", "another host"])
def test_neither_store_nor_broker_trusts_a_certificate_that_is_not_good(
    name: str, server: Server, authority: Authority, valkey: Client, tmp_path: Path
) -> None:
    """kombu alone would: without options it checks nothing (Connection._init_params)."""
    unknown = name == "unknown CA"
    port = server("IP:127.0.0.1" if unknown else "DNS:elsewhere.example").port
    given = settings(f"rediss://127.0.0.1:{port}/0{'' if unknown else f'?ssl_ca_certs={authority.ca}'}", tmp_path)
    with pytest.raises(Unreachable, match=UNTRUSTED) as caught, reaching(given.redis_url):
        connect(given.redis_url).ping()
    assert "ssl_ca_certs" in (caught.value.hint or "")
    with pytest.raises(Unreachable, match=UNTRUSTED):
        Sender(given).send("abcdef12", rest(JobState.ACCEPTED))
    with pytest.raises(OperationalError), make_celery(given).connection_for_read() as connection:
        connection.ensure_connection(max_retries=0, timeout=5)
    assert valkey.llen(QUEUE_HINTS) == 0


def test_the_command_line_tells_of_it_in_one_sentence(server: Server, tmp_path: Path) -> None:
    url = f"rediss://user:canary-password@127.0.0.1:{server('IP:127.0.0.1').port}/0"
    for words in (["producer.cli", "ls"], ["worker", "inbox"]):
        done = subprocess.run(
            [sys.executable, "-m", *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
            env={**clean_environ(), "HINTRELAY_REDIS_URL": url, "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == 8, done.stderr
        assert UNTRUSTED in done.stderr
        assert "Traceback" not in done.stderr
        assert "canary-password" not in done.stderr


def test_a_worker_and_a_reader_take_messages_through_tls(good_url: str, valkey: Client, tmp_path: Path) -> None:
    env = {"HINTRELAY_REDIS_URL": good_url, "HINTRELAY_PLATFORM": "sandbox", "PYTHONPATH": str(ROOT)}
    roles = [
        subprocess.Popen(
            [sys.executable, "-m", "worker", *words],
            cwd=tmp_path,
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**clean_environ(), **env},
        )
        for words in (["celery", "platform"], ["inbox"])
    ]
    try:
        given = settings(good_url, tmp_path)
        Sender(given).send("abcdef12", rest(JobState.PREPARED))
        valkey.lpush(QUEUE_INBOX, "not json")
        eventually(lambda: valkey.hlen(Keys.dead) == 1, "the letter is filed", 30)
        eventually(lambda: valkey.llen(QUEUE_PLATFORM) == 0, "the nudge is taken", 30)
    finally:
        for role in roles:
            role.terminate()
        for role in roles:
            role.wait(20)
