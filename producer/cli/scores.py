"""Scores as people read them: means with their interval, and the base model beside them."""

from __future__ import annotations

from typing import Any

from common.job import Job

HEADS = ["METRIC", "MEAN", "95 %", "HINTS"]
COMPARED = ["BASE", "DIFFERENCE", "95 %", "BETTER", "SAME", "WORSE"]


def table(job: Job) -> tuple[list[str], list[list[str]]]:
    """Heads and rows; the base model's columns where it was asked."""
    compared = job.facts.get("comparison") or {}
    rows = [
        [
            name,
            number(score.get("mean")),
            interval(score),
            hints(score),
            *(_pair(compared.get(name)) if compared else []),
        ]
        for name, score in (job.facts.get("scores") or {}).items()
    ]
    return [*HEADS, *(COMPARED if compared else [])], rows


def lines(job: Job) -> list[tuple[str, str]]:
    """For `show`: one line a metric, and one for its comparison."""
    compared = job.facts.get("comparison") or {}
    found: list[tuple[str, str]] = []
    for name, score in (job.facts.get("scores") or {}).items():
        found.append((f"scores.{name}", _sentence(score)))
        if pair := compared.get(name):
            found.append((f"comparison.{name}", _difference(pair)))
    return found


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.4f}"


def interval(one: dict[str, Any]) -> str:
    """low to high; - where there are too few questions for one."""
    return f"{one['low']:.4f} to {one['high']:.4f}" if "low" in one else "-"


def hints(score: dict[str, Any]) -> str:
    """How many hints were scored, and how many were not."""
    unscored = score.get("unscored")
    return f"{score.get('n')} ({unscored} unscored)" if unscored else str(score.get("n"))


def _sentence(score: dict[str, Any]) -> str:
    if why := score.get("unavailable"):
        return f"unavailable: {why}"
    return f"{number(score.get('mean'))} ({interval(score)}), n {hints(score)}"


def _difference(pair: dict[str, Any]) -> str:
    if not pair.get("n"):
        return "no question has scores of both"
    counts = f"{pair['better']} better, {pair['same']} same, {pair['worse']} worse of {pair['n']} questions"
    return f"{signed(pair['difference'])} ({interval(pair)}) against {number(pair['base'])} of the base model; {counts}"


def _pair(pair: dict[str, Any] | None) -> list[str]:
    if not pair or not pair.get("n"):
        return ["-"] * len(COMPARED)
    counts = [str(pair[name]) for name in ("better", "same", "worse")]
    return [number(pair["base"]), signed(pair["difference"]), interval(pair), *counts]
