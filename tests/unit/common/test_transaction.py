"""Calls that are sent at once and answered later: all or none of them, once, whatever becomes of the connection."""

from __future__ import annotations

import socket
from typing import NoReturn

import pytest
from redis.exceptions import ConnectionError, NoPermissionError, ResponseError

from common.connection import Client, connect
from common.store import Store
from common.transaction import Transaction

ADD = "return {redis.call('INCRBY', KEYS[1], ARGV[1]), 'ä'}"
REFUSE = "if ARGV[1] == 'no' then return redis.error_reply('NO not that') end return redis.call('INCR', KEYS[1])"


def sent(client: Client, source: str, *args: object) -> Transaction:
    return Transaction(client, client.register_script(source), [(["n"], [arg]) for arg in args])


def cut(transaction: Transaction) -> None:
    """Before its answer was read."""
    transaction._connection.disconnect()


def test_each_call_is_answered_in_its_order(any_store: Store) -> None:
    assert sent(any_store.client, ADD, 1, 2).answer() == [[1, "ä"], [3, "ä"]]


def test_a_server_that_does_not_know_the_script_is_told_it(valkey: Client) -> None:
    valkey.script_flush()
    assert sent(valkey, ADD, 1).answer() == [[1, "ä"]]


def test_what_was_sent_over_a_connection_that_broke_is_sent_again(valkey: Client) -> None:
    valkey.script_load(REFUSE)
    transaction = sent(valkey, REFUSE, "yes")
    cut(transaction)
    assert transaction.answer() in ([1], [2])  # the first may have arrived
    assert valkey.ping()


def test_a_connection_that_breaks_twice_is_the_callers_to_hear_of(
    valkey: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction = sent(valkey, ADD, 1)
    cut(transaction)
    monkeypatch.setattr(transaction, "_send", lambda: _fail())
    with pytest.raises(ConnectionError, match="gone again"):
        transaction.answer()
    assert valkey.ping()


def test_what_could_not_be_sent_is_sent_when_its_answer_is_wanted(
    valkey: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Transaction, "_send", lambda self: _fail())
        transaction = sent(valkey, ADD, 1)
    assert transaction.answer() == [[1, "ä"]]


def _fail() -> NoReturn:
    raise ConnectionError("gone again")


def test_a_connection_that_broke_while_it_lay_idle_is_made_anew(valkey: Client) -> None:
    valkey.script_load(ADD)
    idle = valkey.connection_pool.get_connection()
    idle._sock.shutdown(socket.SHUT_WR)
    valkey.connection_pool.release(idle)
    assert sent(valkey, ADD, 1).answer() == [[1, "ä"]]


def test_a_refusal_is_raised_and_the_connection_stays_whole(any_store: Store) -> None:
    client = any_store.client
    with pytest.raises(ResponseError, match="not that"):
        sent(client, REFUSE, "yes", "no").answer()
    assert sent(client, REFUSE, "yes").answer() == [2]


def test_a_call_that_is_not_even_queued_is_refused_by_its_reason(valkey: Client, valkey_url: str) -> None:
    valkey.acl_setuser("poor", enabled=True, nopass=True, keys=["*"], commands=["+multi", "+exec"])
    poor = connect(valkey_url.replace("//", "//poor:none@"))
    try:
        with pytest.raises(NoPermissionError, match="evalsha"):
            sent(poor, ADD, 1).answer()
    finally:
        poor.close()
        valkey.acl_deluser("poor")


def test_an_answer_that_nobody_wants_is_nobody_elses(any_store: Store) -> None:
    client = any_store.client
    transaction = sent(client, ADD, 1)
    transaction.drop()
    transaction.drop()
    assert client.get("n") in {None, "1"}
