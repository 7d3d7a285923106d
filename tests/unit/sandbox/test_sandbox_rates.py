"""The sandbox's limits: token buckets with the headers that Together sends."""

from __future__ import annotations

import pytest

from sandbox.rates import Limiter, Rates, parse_rates


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_more_than_the_bucket_holds_is_refused_until_time_fills_it(clock: Clock) -> None:
    limiter = Limiter(Rates(platform_rps=10, burst=2), clock)
    assert [limiter.take(None)[0] for _ in range(3)] == [True, True, False]
    clock.now += 0.11
    assert limiter.take(None)[0]
    assert limiter.refused == 1


def test_the_headers_say_what_is_left_and_when_to_come_back(clock: Clock) -> None:
    limiter = Limiter(Rates(model_rps=0.5, burst=1), clock)
    _, headers = limiter.take("acme/one")
    assert headers == {"x-ratelimit-limit": "0.5", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "2.000"}
    assert limiter.take("acme/one")[1]["Retry-After"] == "2"
    limiter.set(Rates(model_rps=0.5, retry_after=False))
    limiter.take("acme/one")
    assert "Retry-After" not in limiter.take("acme/one")[1]


def test_each_model_has_a_bucket_of_its_own_and_the_platform_none(clock: Clock) -> None:
    limiter = Limiter(Rates(model_rps=1), clock)
    assert [limiter.take(name)[0] for name in ("a", "b", "a")] == [True, True, False]
    assert limiter.take(None) == (True, {})


@pytest.mark.parametrize("asked", [{"rps": 1}, {"burst": 0}, {"model_rps": "9"}, {"platform_rps": True}])
def test_limits_that_are_none_are_refused(asked: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"there is no limit|must be a number above 0"):
        parse_rates(asked)
    with pytest.raises(ValueError, match="retry_after must be"):
        parse_rates({"retry_after": 1})
