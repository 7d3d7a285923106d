"""Backoff and durations."""

import random

import pytest

from common.backoff import BASE_S, CAP_S, full_jitter
from common.durations import seconds, spoken


@pytest.mark.parametrize("attempt", [0, 1, 2, 5, 9, 100, 10_000])
def test_a_wait_lies_between_nothing_and_the_doubled_base_up_to_the_cap(attempt: int) -> None:
    rng = random.Random(7)
    waits = [full_jitter(attempt, rng=rng) for _ in range(500)]
    ceiling = min(CAP_S, BASE_S * 2.0 ** min(attempt, 16))
    assert 0 <= min(waits) < ceiling / 20
    assert ceiling * 0.95 < max(waits) <= ceiling


def test_the_same_seed_gives_the_same_waits() -> None:
    assert full_jitter(3, rng=random.Random(1)) == full_jitter(3, rng=random.Random(1))
    assert 0 <= full_jitter(1) <= 2


@pytest.mark.parametrize("asked", [0, 0.5, 61, 3600])
def test_what_the_platform_asked_for_is_never_undercut_and_spread_by_a_tenth(asked: float) -> None:
    rng = random.Random(7)
    waits = [full_jitter(1, after_s=asked, rng=rng) for _ in range(200)]
    assert min(waits) >= asked
    assert max(waits) <= asked * 1.1


@pytest.mark.parametrize(
    ("text", "span"),
    [("90s", 90), ("30m", 1800), ("24h", 86400), ("7d", 604800), ("1h30m", 5400), ("1h 30m", 5400), (" 0.5h ", 1800)],
)
def test_a_duration_is_numbers_with_their_units(text: str, span: float) -> None:
    assert seconds(text) == span


@pytest.mark.parametrize("text", ["", "5", "h", "5 x", "-5s", "1h30", "1.s", "1e3s", "5S", "1,5h", "\u0665"])
def test_what_is_no_duration_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="a duration is a number with s, m, h or d, as in 90s, 24h or 1h30m, not "):
        seconds(text)


@pytest.mark.parametrize(
    ("span", "words"),
    [(0, "0 s"), (-5, "0 s"), (0.4, "0 s"), (12, "12 s"), (60, "1 min"), (90, "1 min 30 s"), (3661, "1 h 1 min"),
     (86400, "1 d"), (90_000, "1 d 1 h"), (59.6, "1 min")],
)  # fmt: skip
def test_a_span_is_spoken_in_at_most_two_units(span: float, words: str) -> None:
    assert spoken(span) == words
