"""Plots by matplotlib (extra `bench`); without it the tables and JSON are all there is."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path
from typing import Any

from benchmarks.kit.rounds import Benchmark, Chart, Column, Table

OURS = "hintrelay"
BLUE, GREY = "#1f5fa8", "#9aa3ad"
OTHERS = ("#c2571a", "#4d8b3a", "#8a4fa3", "#6b6b6b")  #: of the peers' lines, each with a marker of its own
MARKERS = "osD^v"


def draw(folder: Path, bench: Benchmark, table: Table, about: dict[str, str]) -> list[str]:
    """The names of the files drawn into `folder`."""
    if importlib.util.find_spec("matplotlib") is None:
        return []
    import matplotlib

    matplotlib.use("Agg")
    names = []
    for number, chart in enumerate(bench.charts):
        name = f"{bench.name}{f'-{number + 1}' if number else ''}.png"
        if _draw(folder / name, bench, table, chart, about):
            names.append(name)
    return names


def _draw(path: Path, bench: Benchmark, table: Table, chart: Chart, about: dict[str, str]) -> bool:
    from matplotlib import pyplot

    rows = [name for name in table.rows if table.spread(name, chart.y)]
    if not rows:
        return False
    height = 4.2 if chart.x else 1.6 + 0.42 * len(rows)
    figure, axes = pyplot.subplots(figsize=(10.5 if chart.x else 9, height), layout="constrained")
    (_lines if chart.x else _bars)(axes, bench, table, chart, rows)
    figure.suptitle(chart.title, fontsize=11, x=0.01, ha="left")
    below = f"median, range and rounds (n); {about.get('CPU', '?')}; {about.get('date', '?')}"
    axes.set_title(below, fontsize=7, loc="right", color="#555555")
    axes.grid(visible=True, axis="both" if chart.x else "x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120, metadata={"Software": None})  # equal figures give equal files
    pyplot.close(figure)
    return True


def _bars(axes: Any, bench: Benchmark, table: Table, chart: Chart, rows: list[str]) -> None:
    spreads = [spread for name in rows if (spread := table.spread(name, chart.y))]
    middles = [spread.median for spread in spreads]
    reach = [[s.median - s.least for s in spreads], [s.most - s.median for s in spreads]]
    words = [f"{name} (n={len(table.rows[name])})" for name in rows]
    axes.barh(words, middles, xerr=reach, color=[BLUE if OURS in name else GREY for name in rows], capsize=3)
    digits = _column(bench, chart.y).digits
    for position, spread in enumerate(spreads):
        axes.text(spread.most, position, f"  {spread.median:,.{digits}f}", va="center", fontsize=8)
    axes.tick_params(axis="y", labelsize=8)
    axes.invert_yaxis()
    if chart.log:
        axes.set_xscale("log")
    axes.margins(x=0.14)
    axes.set_xlabel(_axis(bench, chart.y))


def _lines(axes: Any, bench: Benchmark, table: Table, chart: Chart, rows: list[str]) -> None:
    """Subjects named `program, N what` become one line a program."""
    programs: dict[str, list[str]] = {}
    for name in rows:
        programs.setdefault(name.rpartition(", ")[0] or name, []).append(name)
    assert chart.x is not None, "bars have no x"
    colours = itertools.cycle(OTHERS)
    for (program, names), marker in zip(programs.items(), itertools.cycle(MARKERS), strict=False):
        pairs = [(table.spread(name, chart.x), table.spread(name, chart.y)) for name in names]
        points = sorted(((x.median, y) for x, y in pairs if x and y), key=lambda point: point[0])
        middles = [value.median for _, value in points]
        reach = [[v.median - v.least for _, v in points], [v.most - v.median for _, v in points]]
        colour = BLUE if OURS in program else next(colours)
        xs = [x for x, _ in points]
        axes.errorbar(xs, middles, yerr=reach, marker=marker, capsize=3, color=colour, label=program)
    axes.set_xlabel(_axis(bench, chart.x))
    axes.set_ylabel(_axis(bench, chart.y))
    if chart.log:
        axes.set_xscale("log")
        axes.set_yscale("log")
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)


def _axis(bench: Benchmark, key: str) -> str:
    column = _column(bench, key)
    return f"{column.heading} ({column.own_unit})" if column.own_unit else column.heading


def _column(bench: Benchmark, key: str) -> Column:
    return next(column for column in bench.columns if column.key == key)
