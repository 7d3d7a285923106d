"""URLs of Redis behind Sentinels: what they mean to redis-py and to kombu, and what is refused."""

from __future__ import annotations

import pytest
from redis.sentinel import SentinelConnectionPool

from common.broker import make_celery
from common.connection import connect
from common.errors import ConfigurationError
from common.sentinel import for_kombu, parse
from common.settings import load, without_password

URL = "redis+sentinel://relay:s%3Becret@one:26379,two/3/hints"


def test_the_url_names_sentinels_database_service_and_login() -> None:
    found = parse(URL)
    assert found.sentinels == (("one", 26379), ("two", 26379))
    assert (found.db, found.name, found.user, found.password) == (3, "hints", "relay", "s;ecret")


def test_the_client_asks_the_sentinels_for_the_master_of_the_service() -> None:
    pool = connect(URL).connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    assert (pool.service_name, pool.is_master) == ("hints", True)
    wanted = {"db": 3, "username": "relay", "password": "s;ecret", "decode_responses": True}
    assert wanted.items() <= pool.connection_kwargs.items()


def test_kombu_gets_each_sentinel_the_database_and_the_service() -> None:
    url, options = for_kombu(URL)
    assert url == "sentinel://relay:s%3Becret@one:26379/3;sentinel://relay:s%3Becret@two:26379/3"
    assert options["master_name"] == "hints"
    assert for_kombu("redis://one/0") == ("redis://one/0", {})


def test_the_celery_app_takes_the_service_from_the_broker_url() -> None:
    app = make_celery(load(environ={"HINTRELAY_BROKER_URL": URL}))
    with app.connection_for_write() as connection:
        assert connection.transport_cls == "sentinel"
        assert connection.virtual_host == "3"
        assert connection.transport_options["master_name"] == "hints"


def test_its_password_is_shown_nowhere_and_counts_as_secret() -> None:
    assert without_password(URL) == "redis+sentinel://relay:***@one:26379,two/3/hints"
    assert "s;ecret" in load(environ={"HINTRELAY_REDIS_URL": URL}).secrets()


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://one:26379/0",
        "redis+sentinel://one:26379/hints",
        "redis+sentinel://one:26379/0/hints/more",
        "redis+sentinel://one:26379/0/hints?ssl=1",
        "redis+sentinel://one:word/0/hints",
        "redis+sentinel://one:26379,/0/hints",
        "redis+sentinel:///0/hints",
    ],
)
def test_a_url_that_names_no_service_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="HINTRELAY_REDIS_URL"):
        load(environ={"HINTRELAY_REDIS_URL": url})
