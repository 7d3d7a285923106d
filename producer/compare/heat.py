"""The matrix as a heat map: two keys across and down, a panel for each combination of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from producer.compare.canvas import Drawing, drawn
from producer.compare.entries import Entry
from producer.compare.wording import better, number, unit, value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_PANELS = 12
CELL = 0.36  #: inches
Cells = list[list[float | None]]


def heat(found: Sequence[Entry], metric: str, keys: Sequence[str], place: int) -> str:
    """Means of the jobs; of several in a cell their mean. The better the brighter."""
    levels = [_levels(found, key) for key in keys]
    across, columns = keys[0], levels[0]
    down, rows = (keys[1], levels[1]) if len(keys) > 1 else ("", [None])
    panels = [dict(zip(keys[2:], values, strict=True)) for values in product(*levels[2:])]
    grids = [(panel, _grid(found, metric, panel, (across, columns), (down, rows))) for panel in panels]
    grids = [(panel, grid) for panel, grid in grids if any(cell is not None for row in grid for cell in row)]
    shown = grids[:MOST_PANELS]
    title = f"{metric} over the matrix" + (f", {len(shown)} of {len(grids)} parts" if len(shown) < len(grids) else "")
    height = 1.25 + len(shown) * (CELL * len(rows) + (0.25 if keys[2:] else 0.0))
    with drawn(title, place, height, panels=len(shown)) as made:
        _fill(made, shown, better(metric))
        for axes in made.panels:
            axes.set_yticks([y + 0.5 for y in range(len(rows))], [_tick(one) for one in rows] if down else [""])
            axes.set_xticks([x + 0.5 for x in range(len(columns))], [""] * len(columns))
        made.panels[-1].set_xticks([x + 0.5 for x in range(len(columns))], [_tick(one) for one in columns])
        made.label(f"{across}; cells: mean {metric} ({unit(metric)}), the better the brighter", down or "all jobs")
    return made.svg


def _fill(made: Drawing, shown: Sequence[tuple[Mapping[str, Any], Cells]], way: int) -> None:
    from matplotlib import colormaps

    colours = colormaps["viridis" if way == 1 else "viridis_r"]
    cells = [cell for _, grid in shown for row in grid for cell in row if cell is not None]
    low, high = min(cells), max(cells)
    for axes, (panel, grid) in zip(made.panels, shown, strict=True):
        values = [[float("nan") if cell is None else cell for cell in row] for row in grid]
        axes.pcolormesh(values, cmap=colours, vmin=low, vmax=high, edgecolors="face")  # shapes, no picture
        for y, row in enumerate(grid):
            for x, cell in enumerate(row):
                part = 0.5 if cell is None or high == low else (cell - low) / (high - low)
                _write(axes, x, y, cell, colours(part))
        axes.invert_yaxis()
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        if panel:
            axes.set_title(", ".join(f"{key} {value(one)}" for key, one in panel.items()), fontsize=8.5, loc="left")


def _write(axes: Axes, x: int, y: int, cell: float | None, colour: tuple[float, ...]) -> None:
    """A cell's number, dark on bright and bright on dark; an empty cell has the page's colour behind it."""
    red, green, blue, *_ = colour
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8}
    if cell is not None:
        style["color"] = "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "#ffffff"
    axes.text(x + 0.5, y + 0.5, number(cell), **style)


def _levels(found: Sequence[Entry], key: str) -> list[Any]:
    levels = list({repr(entry.axes.get(key)): entry.axes.get(key) for entry in found if entry.job}.values())
    numbers = all(isinstance(level, (int, float)) for level in levels)
    return sorted(levels) if numbers else sorted(levels, key=str)


def _grid(
    found: Sequence[Entry],
    metric: str,
    panel: Mapping[str, Any],
    across: tuple[str, Sequence[Any]],
    down: tuple[str, Sequence[Any]],
) -> Cells:
    return [
        [_cell(found, metric, {**panel, across[0]: x, **({down[0]: y} if down[0] else {})}) for x in across[1]]
        for y in down[1]
    ]


def _cell(found: Sequence[Entry], metric: str, wanted: Mapping[str, Any]) -> float | None:
    means = [
        mean
        for entry in found
        if entry.job and all(entry.axes.get(key) == one for key, one in wanted.items())
        if (mean := entry.mean(metric)) is not None
    ]
    return sum(means) / len(means) if means else None


def _tick(one: Any) -> str:
    text = value(one)
    return text if len(text) <= 16 else f"{text[:7]}…{text[-8:]}"
