"""Means, intervals and paired differences."""

from __future__ import annotations

import random

from worker.statistics import paired, summary


def test_a_mean_is_over_hints_and_says_over_how_many_questions() -> None:
    seen = summary([[1.0, 0.0], [1.0], [None], []], seed=1)
    assert (seen["mean"], seen["n"], seen["questions"], seen["unscored"]) == (2 / 3, 3, 2, 1)


def test_no_hint_is_no_mean_and_one_question_no_interval() -> None:
    assert summary([[], [None]], seed=1) == {"mean": None, "n": 0, "questions": 0, "unscored": 1}
    assert "low" not in summary([[0.5, 0.7]], seed=1)


def test_the_interval_is_the_same_for_a_seed_and_holds_the_mean() -> None:
    draw = random.Random(4)
    values = [[draw.gauss(0.5, 0.1) for _ in range(2)] for _ in range(60)]
    one, other = summary(values, seed=7), summary(values, seed=7)
    assert one == other != summary(values, seed=8)
    assert one["low"] < one["mean"] < one["high"]
    assert 0.02 < one["high"] - one["low"] < 0.06  # 4 standard errors of 60 questions are 0.037


def test_hints_on_one_question_are_not_taken_for_independent() -> None:
    draw = random.Random(4)
    values = [[draw.random()] * 10 for _ in range(30)]
    wide, narrow = summary(values, seed=1), summary([[v] for row in values for v in row], seed=1)
    assert wide["high"] - wide["low"] > 2 * (narrow["high"] - narrow["low"])


def test_better_and_worse_are_by_question_and_by_the_metrics_direction() -> None:
    tuned: list[list[float | None]] = [[1.0, 0.0], [0.2], [0.3], [0.9], [None]]
    base = [[0.0, 0.0], [0.2], [0.4], [0.1], [1.0]]
    more, less = paired(tuned, base, 1, seed=1), paired(tuned, base, -1, seed=1)
    assert (more["n"], more["better"], more["worse"], more["same"]) == (4, 2, 1, 1)
    assert (less["better"], less["worse"], less["same"]) == (1, 2, 1)
    assert abs(more["difference"] - (more["tuned"] - more["base"])) < 1e-12
    assert more["low"] < more["difference"] < more["high"]


def test_without_a_pair_there_is_no_difference() -> None:
    assert paired([[None]], [[1.0]], 1, seed=1) == {"n": 0}
