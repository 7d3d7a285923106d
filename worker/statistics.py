"""Means with their uncertainty, and differences of pairs, over questions: hints on one question are not independent."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any

RESAMPLES = 5_000
CONFIDENCE = 0.95
AT_ONCE = 100_000  #: numbers drawn in one go: 0.8 MB
SAME = 1e-9  #: a smaller difference is none

Values = Iterable[Sequence[float | None]]  #: for each question the values of its hints, None where there is none


def summary(values: Values, seed: int) -> dict[str, Any]:
    """The mean over hints, how many there are, and the bootstrap interval of the mean, questions drawn."""
    sums, sizes, hints = array("d"), array("d"), 0
    for of_question in values:
        hints += len(of_question)
        if scored := [value for value in of_question if value is not None]:
            sums.append(sum(scored))
            sizes.append(len(scored))
    n = int(sum(sizes))
    made: dict[str, Any] = {"mean": sum(sums) / n if n else None, "n": n, "questions": len(sums)}
    unscored = hints - n
    if unscored:
        made["unscored"] = unscored
    if len(sums) > 1:
        made["low"], made["high"] = _interval(sums, sizes, seed)
    return made


def paired(tuned: Values, base: Values, better: int, seed: int) -> dict[str, Any]:
    """Tuned less base, question by question, of questions that have scored hints of both. `better` is 1 or -1."""
    pairs = [
        (sum(ours) / len(ours), sum(theirs) / len(theirs))
        for one, other in zip(tuned, base, strict=True)
        if (ours := [v for v in one if v is not None]) and (theirs := [v for v in other if v is not None])
    ]
    made: dict[str, Any] = {"n": len(pairs)}
    if not pairs:
        return made
    differences = [mine - theirs for mine, theirs in pairs]
    gains = [difference * better for difference in differences]
    made |= {
        "tuned": sum(mine for mine, _ in pairs) / len(pairs),
        "base": sum(theirs for _, theirs in pairs) / len(pairs),
        "difference": sum(differences) / len(pairs),
        "better": sum(gain > SAME for gain in gains),
        "worse": sum(gain < -SAME for gain in gains),
    }
    made["same"] = len(pairs) - made["better"] - made["worse"]
    if len(pairs) > 1:
        made["low"], made["high"] = _interval(differences, [1.0] * len(pairs), seed)
    return made


def _interval(sums: Sequence[float], sizes: Sequence[float], seed: int) -> tuple[float, float]:
    """The percentile interval of sum(sums) / sum(sizes), pairs of both drawn with replacement."""
    import numpy as np

    draw = np.random.default_rng(seed)
    tops, bottoms = np.asarray(sums), np.asarray(sizes)
    means = []
    left = RESAMPLES
    while left:
        rows = min(left, max(1, AT_ONCE // len(tops)))
        drawn = draw.integers(0, len(tops), (rows, len(tops)))
        means.append(tops[drawn].sum(axis=1) / bottoms[drawn].sum(axis=1))
        left -= rows
    tail = (1 - CONFIDENCE) / 2 * 100
    low, high = np.percentile(np.concatenate(means), [tail, 100 - tail])
    return float(low), float(high)
