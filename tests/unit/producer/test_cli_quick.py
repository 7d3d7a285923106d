"""Looking is quick: it imports little, reads no more than it shows, and says the same as with redis-py."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from common import quick
from common.connection import Client, connect
from common.errors import ConfigurationError, NotFound, Unreachable
from common.keys import Keys
from common.records import Records
from common.settings import load
from common.states import JobState
from common.store import Store
from tests.e2e.proxy import Proxy
from tests.jobs_made import in_state, made, new_job
from tests.unit.producer.conftest import Run

ROOT = Path(__file__).parents[3]
HEAVY = {"pydantic", "redis", "asyncio", "opentelemetry", "rich", "celery", "kombu", "orjson", "structlog", "yaml"}
LOOK = """
import sys
from producer.cli.root import cli
try:
    cli.main(sys.argv[1:])
except SystemExit as exc:
    assert not exc.code, exc.code
print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def look(url: str, *words: str) -> tuple[str, set[str]]:
    """(what a command prints, the modules that it imported)."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("HINTRELAY_")}
    done = subprocess.run(
        [sys.executable, "-c", LOOK, *words],
        env={**env, "HINTRELAY_REDIS_URL": url, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout, set(done.stderr.split("\n")[-2].split())


@pytest.fixture
def quick_records(valkey_url: str) -> Iterator[Records]:
    client = quick.client(valkey_url)
    yield Records(client, url=valkey_url)
    client.close()


@pytest.mark.parametrize("words", [["ls"], ["ls", "-o", "json"], ["ls", "--state", "trained"], ["pending"]])
def test_a_list_imports_nothing_heavy(valkey_store: Store, valkey_url: str, words: list[str]) -> None:
    job_id = in_state(valkey_store, JobState.TRAINED)
    printed, modules = look(valkey_url, *words)
    assert job_id in printed
    assert not modules & HEAVY


def test_show_imports_nothing_heavy_and_finds_a_job_by_the_beginning_of_its_id(
    valkey_store: Store, valkey_url: str
) -> None:
    job_id = made(valkey_store)
    printed, modules = look(valkey_url, "show", job_id[:4])
    assert job_id in printed
    assert "spec.finetune" in printed
    assert not modules & HEAVY


def test_a_quick_read_is_what_redis_py_reads(valkey_store: Store, quick_records: Records) -> None:
    ids = [one.job_id for one in valkey_store.create([new_job() for _ in range(900)])]
    assert quick_records.ids() == valkey_store.ids() == ids
    assert quick_records.ids(newest=3) == ids[-3:]
    assert quick_records.many(ids) == valkey_store.many(ids)
    assert quick_records.whole(ids[:2]) == valkey_store.whole(ids[:2])
    assert quick_records.get(ids[0]) == valkey_store.get(ids[0])
    assert quick_records.resolve(ids[0][:7]) == ids[0]
    assert quick_records.count() == valkey_store.count()
    assert quick_records.size() == 900


def test_what_the_quick_client_does_not_know_redis_py_does(quick_records: Records, valkey_store: Store) -> None:
    ids = [made(valkey_store), made(valkey_store)]
    assert {job_id for job_id, _ in quick_records.client.zscan_iter(Keys.jobs)} == set(ids)
    assert [name for name, _ in quick_records.client.zrange(Keys.jobs, 0, -1, withscores=True)] == ids
    with pytest.raises(NotFound):
        quick_records.resolve("abc")


def test_a_connection_that_breaks_is_made_again_by_redis_py(valkey_store: Store, valkey_url: str) -> None:
    proxy = Proxy(urlsplit(valkey_url).port or 0)
    try:
        job_id = made(valkey_store)
        records = Records(quick.client(f"redis://127.0.0.1:{proxy.port}/0"))
        lost = [True]
        proxy.lose_answer_if = lambda: bool(lost) and lost.pop()
        assert records.get(job_id).id == job_id
        assert proxy.lose_answer_if is None, "an answer was lost"
        records.client.close()
    finally:
        proxy.close()


def test_a_server_that_is_not_there_is_told_of_in_redis_pys_words() -> None:
    with pytest.raises(Unreachable, match=r"Redis at redis://:\*\*\*@127.0.0.1:1/0 cannot be reached: .*refused"):
        Records(quick.client("redis://:hunter22@127.0.0.1:1/0"), url="redis://:hunter22@127.0.0.1:1/0").ids()


def test_a_login_and_a_database_are_taken_from_the_url(valkey: Client, valkey_url: str) -> None:
    valkey.acl_setuser("reader", enabled=True, passwords=["+s%cret"], keys=["*"], commands=["+@all"])
    try:
        url = valkey_url.replace("redis://", "redis://reader:s%25cret@").removesuffix("0") + "3"
        full, quickly = connect(url), quick.client(url)
        job_id = made(Store(full))
        assert Records(quickly, url=url).ids() == [job_id] != Store(valkey).ids()
        full.close()
        quickly.close()
        wrong = url.replace("s%25cret", "wrong")
        with pytest.raises(ConfigurationError, match="refuses the login"):
            Records(quick.client(wrong), url=wrong).ids()
    finally:
        valkey.acl_deluser("reader")


@pytest.mark.parametrize("url", ["rediss://h/0", "unix:///tmp/x", "redis+sentinel://h/0/s", "redis://h/0?ssl=1"])
def test_other_urls_are_left_to_redis_py(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "connect", lambda url: f"redis-py for {url}")
    assert quick.client(url) == f"redis-py for {url}"


@pytest.mark.parametrize("flag", [None, "redis://flag/0"])
@pytest.mark.parametrize("environ", [{}, {"HINTRELAY_REDIS_URL": "redis://env/1"}])
@pytest.mark.parametrize("dotenv", ["", "HINTRELAY_REDIS_URL=redis://dotenv/2"])
@pytest.mark.parametrize("toml", ["", 'redis_url = "redis://toml/3"'])
def test_the_store_is_the_one_that_settings_name(
    flag: str | None, environ: dict[str, str], dotenv: str, toml: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HINTRELAY_REDIS_URL", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    for file, text in ((".env", dotenv), ("hintrelay.toml", toml)):
        if text:
            (tmp_path / file).write_text(text)
    flags: dict[str, Any] = {"redis_url": flag}
    assert quick.store_url(flags) in {load(flags).redis_url, None}
    assert (quick.store_url(flags) is None) == bool(toml)


def test_a_table_reads_no_more_than_it_shows(run: Run, redis: Client, job_store: Store) -> None:
    job_store.create([new_job() for _ in range(300)])
    reads: list[int] = []
    plain = redis.eval

    def counting(script: str, count: int, *more: Any) -> Any:
        reads.append(count)
        return plain(script, count, *more)

    redis.eval = counting
    shown = run("ls")
    assert reads == [50]
    assert "and 250 older; --limit 300 shows them" in shown.stderr
    assert run("ls", "--limit", "300").stderr == ""
