"""Jobs by metrics as rows: for the terminal, for CSV, for JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from producer.compare.entries import Entry

COUNTS = ("better", "same", "worse", "pairs")
HEADS = ("JOB", "NAME", "STATE", "COST USD", "MINUTES")


def cells(found: Sequence[Entry], metrics: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Heads and rows for people: means, the difference from the base model, and over how many hints."""
    rows = [[*_about(entry), *(_mean(entry, metric) for metric in metrics)] for entry in found]
    return [*HEADS, *metrics], rows


def as_csv(found: Sequence[Entry], metrics: Sequence[str]) -> str:
    """Numbers as they are: for each metric its mean, interval, n, and the paired difference with its own."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    parts = ("mean", "low", "high", "n", "unscored", "difference", "difference_low", "difference_high", *COUNTS)
    heads = ["job", "name", "state", "model", "cost_usd", "minutes"]
    writer.writerow([*heads, *(f"{metric} {part}" for metric in metrics for part in parts)])
    for entry in found:
        about = [entry.job.id if entry.job else "", entry.name, entry.state, entry.model, entry.cost, entry.minutes]
        numbers = [number for metric in metrics for number in _numbers(entry, metric)]
        writer.writerow([_safe(cell) for cell in (*about, *numbers)])
    return out.getvalue()


def as_json(found: Sequence[Entry], metrics: Sequence[str]) -> dict[str, Any]:
    rows = [
        {
            "job": entry.job.id if entry.job else None,
            "name": entry.name,
            "base": entry.job is None,
            "state": entry.state,
            "model": entry.model,
            "cost_usd": entry.cost,
            "minutes": entry.minutes,
            "differs": dict(entry.axes),
            "scores": {metric: entry.scores.get(metric) for metric in metrics},
            "comparison": {metric: entry.comparison[metric] for metric in metrics if metric in entry.comparison},
        }
        for entry in found
    ]
    return {"metrics": list(metrics), "rows": rows}


def _about(entry: Entry) -> list[str]:
    cost = "-" if entry.cost is None else f"{entry.cost:.2f}"
    minutes = "-" if entry.minutes is None else f"{entry.minutes:.1f}"
    return [entry.job.id if entry.job else "-", entry.name, entry.state, cost, minutes]


def _mean(entry: Entry, metric: str) -> str:
    mean, score = entry.mean(metric), entry.scores.get(metric) or {}
    if mean is None:  # all unscored is no mean of nothing
        return f"- n{score.get('n')}" if score.get("unscored") else "-"
    pair = entry.comparison.get(metric) or {}
    difference = f" ({pair['difference']:+.3f})" if pair.get("n") else ""
    return f"{mean:.3f}{difference} n{score.get('n')}"


def _numbers(entry: Entry, metric: str) -> list[Any]:
    score, pair = entry.scores.get(metric) or {}, entry.comparison.get(metric) or {}
    own = [score.get(name) for name in ("mean", "low", "high", "n")]
    differences = [pair.get(name) for name in ("difference", "low", "high", "better", "same", "worse", "n")]
    return [*own, score.get("unscored", 0), *differences]


def _safe(cell: Any) -> Any:
    """A text that a spreadsheet would run as a formula is given as text."""
    return (
        f"'{cell}" if isinstance(cell, str) and cell[:1] in {"=", "+", "-", "@", "\t", "\r"} and cell != "-" else cell
    )
