"""The shared pace: free until the platform refuses, then slow for all, then faster again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.connection import Client
from common.errors import Busy
from common.keys import Keys
from common.scripts import Scripts
from common.store import Store
from tests.jobs_made import MovableClock
from worker.adapters.together_errors import retry_after
from worker.pacing import Paces, SharedPace

NAME = "5f0c2a91b3d4:platform"


class CountingScripts(Scripts):
    """Counts the looks at a pace."""

    calls = 0

    def __getattribute__(self, name: str) -> Any:
        if name == "pace":
            self.calls += 1
        return super().__getattribute__(name)


class Account:
    """A platform that takes `rps`, and two processes that send to it; each wait moves the clock."""

    def __init__(self, client: Client, clock: MovableClock, rps: float, *, cap: float | None = None) -> None:
        self.clock, self.rps = clock, rps
        self.tokens, self.at, self.refused, self.taken = 1.0, clock.ms, 0, 0
        sleep = lambda seconds: clock.forward(round(seconds * 1000))  # noqa: E731  # as time.sleep
        self.paces = [SharedPace(Scripts(client), NAME, cap, now_ms=clock, sleep=sleep) for _ in range(2)]

    def send(self, number: int) -> None:
        pace = self.paces[number % 2]
        try:
            pace.before()
        except Busy as exc:
            self.clock.forward(round((exc.after_s or 0) * 1000) + 1)
            return
        self.tokens = min(2.0, self.tokens + (self.clock.ms - self.at) / 1000 * self.rps)
        self.at = self.clock.ms
        self.clock.forward(10)
        if self.tokens < 1:
            self.refused += 1
            pace.after(429, {}, 1.0)
        else:
            self.tokens -= 1
            self.taken += 1
            pace.after(200, {}, None)

    def run(self, seconds: float) -> float:
        """Requests a second that were taken."""
        begun, before, number = self.clock.ms, self.taken, 0
        while self.clock.ms - begun < seconds * 1000:
            self.send(number)
            number += 1
        return (self.taken - before) / ((self.clock.ms - begun) / 1000)


@pytest.fixture
def client(any_store: Store) -> Client:
    return any_store.client


def test_while_nothing_is_refused_a_process_looks_a_few_times_a_second(client: Client, clock: MovableClock) -> None:
    scripts = CountingScripts(client)
    pace = SharedPace(scripts, NAME, None, now_ms=clock)
    for _ in range(1000):
        pace.before()
        clock.forward(1)
    assert scripts.calls == 4


def test_a_limit_is_found_kept_and_few_are_refused(client: Client, clock: MovableClock) -> None:
    account = Account(client, clock, rps=20)
    account.run(10)
    account.refused = 0
    assert account.run(60) > 0.6 * 20
    assert account.refused < 0.02 * 60 * 20


def test_it_speeds_up_again_once_the_limit_is_lifted(client: Client, clock: MovableClock) -> None:
    account = Account(client, clock, rps=20)
    slow = account.run(10)
    account.rps = 1e9
    account.run(40)
    assert account.run(5) > 3 * slow


def test_a_refusal_slows_the_other_processes_too(client: Client, clock: MovableClock) -> None:
    told, other = (SharedPace(Scripts(client), NAME, None, now_ms=clock) for _ in range(2))
    told.before()
    told.after(429, {}, 30.0)
    with pytest.raises(Busy, match="the platform takes 1 requests a second of this account just now") as caught:
        other.before()
    assert caught.value.after_s == 30.0


def sent_away(pace: SharedPace, count: int) -> list[float]:
    """How long each of so many is told to wait, in a pause of 10 s."""
    pace.after(503, {}, 10.0)
    waits = []
    for _ in range(count):
        with pytest.raises(Busy) as caught:
            pace.before()
        waits.append(caught.value.after_s or 0.0)
    return waits


def test_whoever_is_sent_away_comes_back_at_a_time_of_its_own(client: Client, clock: MovableClock) -> None:
    waits = sent_away(SharedPace(Scripts(client), NAME, 2.0, now_ms=clock), 4)
    assert waits == sorted(waits)
    assert len(set(waits)) == 4


def test_whoever_is_sent_away_from_a_long_queue_comes_back_within_minutes(client: Client, clock: MovableClock) -> None:
    """Found by review: the last of 10,000 was told a time hours away, which a faster pace made no sooner."""
    waits = sent_away(SharedPace(Scripts(client), NAME, 1.0, now_ms=clock), 1500)
    assert max(waits) <= 10 + 601
    assert len(set(waits)) > 500, "they are spread over it"


def test_a_fixed_cap_is_kept_without_any_refusal(client: Client, clock: MovableClock) -> None:
    account = Account(client, clock, rps=1e9, cap=5.0)
    assert 4.5 < account.run(20) <= 5.1
    assert account.refused == 0


def test_a_limit_that_is_spent_is_waited_for_before_it_is_refused(client: Client, clock: MovableClock) -> None:
    slept: list[float] = []
    pace = SharedPace(Scripts(client), NAME, None, now_ms=clock, sleep=slept.append)
    pace.before()
    pace.after(200, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1.5"}, None)
    pace.before()
    assert slept == [1.5]
    assert client.zcard(Keys.paces) == 0


def test_a_503_without_a_time_is_the_platforms_fault_and_not_our_speed(client: Client, clock: MovableClock) -> None:
    pace = SharedPace(Scripts(client), NAME, None, now_ms=clock)
    pace.before()
    pace.after(503, {}, None)
    pace.before()
    assert client.zcard(Keys.paces) == 0


@pytest.mark.parametrize("reset", ["", "soon", "-1", "nan", "inf", "-inf", "1764205555", "6m0s", "ms"])
@pytest.mark.parametrize("remaining", ["0", "nan", "many"])
def test_odd_headers_do_no_harm(client: Client, clock: MovableClock, reset: str, remaining: str) -> None:
    """Found by review: a number that is none ended the stage, and a date paused the account for an hour."""
    pace = SharedPace(Scripts(client), NAME, None, now_ms=clock)
    headers = {"x-ratelimit-reset": reset, "x-ratelimit-remaining": remaining}
    pace.after(200, headers, None)
    pace.before()
    pace.after(429, headers, None)
    clock.forward(1000)
    pace.before()


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [("7", 7), ("0.5", 0.5), ("-3", 0), ("1e999", 3600), ("90000", 3600), ("nan", None), ("soon", None), ("", None)],
)
def test_retry_after_is_a_time_within_an_hour_or_none(header: str, wait_s: float | None) -> None:
    assert retry_after(httpx.Response(429, headers={"retry-after": header})) == wait_s


@pytest.mark.parametrize(("days", "wait_s"), [(-1, 0), (1, 3600)])
def test_a_date_to_retry_after_is_a_time_within_an_hour(days: int, wait_s: float) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(days=days), usegmt=True)
    assert retry_after(httpx.Response(503, headers={"retry-after": date})) == wait_s


def test_models_and_the_platform_have_paces_of_their_own(client: Client) -> None:
    paces = Paces(client, "5f0c2a91b3d4")
    assert paces.of_model("a") is paces.of_model("a")
    paces.of_model("a").after(429, {}, 30.0)
    paces.of_model("b").before()
    paces.of_platform().before()
    with pytest.raises(Busy, match="the model a "):
        paces.of_model("a").before()


def test_without_redis_requests_go() -> None:
    away = redis.Redis(port=1, retry=Retry(NoBackoff(), 0))
    pace = Paces(away, "5f0c2a91b3d4").of_platform()
    pace.after(429, {}, 30.0)
    pace.before()


def test_a_first_guess_that_was_far_too_low_mends_itself_soon(client: Client, clock: MovableClock) -> None:
    account = Account(client, clock, rps=20)
    account.paces[0].after(429, {}, 0.5)
    account.run(14)
    assert account.run(5) > 0.5 * 20


@pytest.mark.parametrize("rps", [5, 40])
def test_most_of_what_is_taken_is_used_and_few_are_refused(client: Client, clock: MovableClock, rps: float) -> None:
    """Found by use: sparse traffic was taken for a low limit, and each refusal halved the rate of everybody."""
    account = Account(client, clock, rps=rps)
    account.run(15)
    account.refused = account.taken = 0
    assert account.run(40) > 0.7 * rps
    assert account.refused < 0.1 * (account.taken + account.refused)


def test_a_lifted_limit_is_noticed_within_seconds(client: Client, clock: MovableClock) -> None:
    account = Account(client, clock, rps=5)
    slow = account.run(20)
    account.rps = 1e9
    account.run(10)
    assert account.run(3) > 2 * slow


def test_a_burst_of_refusals_says_that_little_went_through(client: Client, clock: MovableClock) -> None:
    pace = SharedPace(Scripts(client), NAME, None, now_ms=clock)
    for _ in range(32):
        pace.before()
    for _ in range(31):
        pace.after(429, {}, 1.0)
    assert float(client.hget(Keys.pace(NAME), "low") or 0) == 1


def test_retry_after_is_in_whole_seconds_and_the_reset_is_finer(client: Client, clock: MovableClock) -> None:
    pace = SharedPace(Scripts(client), NAME, None, now_ms=clock)
    pace.after(429, {"x-ratelimit-reset": "0.025"}, 1.0)
    assert int(float(client.hget(Keys.pace(NAME), "pause") or 0)) - clock.ms == 25
    pace.after(429, {"x-ratelimit-reset": "0.025"}, 30.0)
    assert int(float(client.hget(Keys.pace(NAME), "pause") or 0)) - clock.ms == 30_000


def test_who_has_patience_gets_a_place_that_others_would_go_away_for(client: Client, clock: MovableClock) -> None:
    sleep = lambda seconds: clock.forward(round(seconds * 1000) + 1)  # noqa: E731  # as time.sleep
    pace = SharedPace(Scripts(client), NAME, None, now_ms=clock, sleep=sleep)
    pace.after(429, {}, 10.0)
    begun = clock.ms
    with pytest.raises(Busy) as caught:
        pace.before()
    assert caught.value.pace == NAME
    pace.before(20.0)
    assert clock.ms - begun >= 10_000


def test_room_is_how_many_places_are_near_and_takes_none(client: Client, clock: MovableClock) -> None:
    paces = Paces(client, "5f0c2a91b3d4", platform_rps=8)
    assert [paces.room(NAME, 1.0) for _ in range(2)] == [8, 8]
    assert Paces(client, "5f0c2a91b3d4").room(NAME, 1.0) is None
    SharedPace(Scripts(client), NAME, None).after(503, {}, 30.0)
    assert paces.room(NAME, 1.0) == 0
