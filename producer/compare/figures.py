"""The report's figures, drawn by Matplotlib as SVG: text stays text, colours are the page's, light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from textwrap import fill
from typing import TYPE_CHECKING, Any

from common.errors import ConfigurationError
from common.metrics import METRICS, About
from producer.compare.entries import Entry

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 4.8  #: inches; narrow, so that text stays readable where the page is 390 px wide
TITLE_WIDTH, LABEL_WIDTH = 46, 36  #: characters in a line
MOST_ROWS = 40  #: entries in one figure; more cannot be told apart
MOST_CURVES = 12
INK, LINE = "#0b0c0d", "#c9cacb"  #: exchanged for the page's own colours
#: told apart by most who see colours differently (Okabe and Ito), dark enough on white and light enough on black
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#8c6bb1", "#7f7f7f")

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.linewidth": 0.6,
    "grid.color": LINE,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}


def load() -> None:
    """Raises ConfigurationError where Matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401  # only whether it is there
    except ModuleNotFoundError as exc:
        raise ConfigurationError(
            "a report with figures needs Matplotlib, which this install lacks",
            hint="pip install -c requirements.lock '.[report]'; -o csv and -o json need nothing",
        ) from exc


def dots(found: Sequence[Entry], metric: str, number: int) -> str:
    """Means with their 95 % intervals, one row an entry; base models are hollow."""
    about = METRICS.get(metric)  # type: ignore[call-overload]  # a name of a stored record
    rows = [(entry, mean) for entry in found if (mean := entry.mean(metric)) is not None][:MOST_ROWS]
    with _drawn(f"{metric}: mean and 95 % interval", number, height=1.5 + 0.27 * len(rows)) as (axes, out):
        for place, (entry, mean) in enumerate(reversed(rows)):
            colour = COLOURS[1] if entry.job is None else COLOURS[0]
            inside = "none" if entry.job is None else colour
            axes.plot(_interval(entry, metric, mean), [place, place], color=colour, linewidth=1.6)
            axes.plot(mean, place, "o", color=colour, markersize=6, markerfacecolor=inside)
        axes.set_yticks(range(len(rows)), [_short(entry.label) for entry, _ in reversed(rows)])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlabel(f"mean {metric} ({_unit(about)})" + (f"; {_way(about)}" if about else ""))
        axes.set_ylabel("job (hollow: base)")
    return out[0]


def curves(runs: Mapping[str, Mapping[str, Any]], number: int) -> str:
    """Training loss by step of each run, lines; evaluation loss, dots."""
    with _drawn("Training loss of the runs", number, height=3.4) as (axes, out):
        for place, (label, losses) in enumerate(list(runs.items())[:MOST_CURVES]):
            colour = COLOURS[place % len(COLOURS)]
            dashes = ("-", "--")[place // len(COLOURS) % 2]
            train, evaluated = losses.get("train") or [], losses.get("eval") or []
            axes.plot(*_xy(train), dashes, color=colour, linewidth=1.3, label=_short(label))
            axes.plot(*_xy(evaluated), "o", color=colour, markersize=3.5)
        axes.set_xlabel("training step (dots: loss on evaluation data)")
        axes.set_ylabel("loss (nats per token)")
        axes.legend(fontsize=7, frameon=False, labelcolor=INK)
    return out[0]


def cost(found: Sequence[Entry], metric: str, number: int) -> str:
    """What a run cost, by what it brought."""
    about = METRICS.get(metric)  # type: ignore[call-overload]  # a name of a stored record
    rows = [
        (entry, usd, mean)
        for entry in found
        if (usd := entry.cost) is not None and (mean := entry.mean(metric)) is not None
    ]
    with _drawn(f"Cost against {metric}", number, height=3.2) as (axes, out):
        for place, (entry, usd, mean) in enumerate(rows):
            low, high = _interval(entry, metric, mean)
            colour = COLOURS[place % len(COLOURS)]
            axes.plot([usd, usd], [low, high], color=colour, linewidth=1.2)
            axes.plot(usd, mean, "o", color=colour, markersize=6, label=_short(entry.label))
        for entry in found:
            if entry.job is None and (mean := entry.mean(metric)) is not None:
                axes.axhline(mean, color=INK, linestyle=":", linewidth=1.2, label=_short(entry.label))
        axes.set_xlabel("cost of the run (USD)")
        axes.set_ylabel(f"mean {metric} ({_unit(about)})")
        if len(rows) <= MOST_CURVES:
            axes.legend(fontsize=7, frameon=False, labelcolor=INK)
    return out[0]


def heat(found: Sequence[Entry], metric: str, axes_keys: Sequence[str], number: int) -> str:
    """Means by the values of the matrix's first two keys; of several jobs in a cell, their mean."""
    across, down = axes_keys[0], axes_keys[1] if len(axes_keys) > 1 else ""
    about = METRICS.get(metric)  # type: ignore[call-overload]  # a name of a stored record
    columns, rows = _levels(found, across), _levels(found, down) if down else [""]
    grid = [[_cell(found, metric, {across: x, **({down: y} if down else {})}) for x in columns] for y in rows]
    with _drawn(f"{metric} over the matrix", number, height=1.7 + 0.45 * len(rows)) as (axes, out):
        values = [[float("nan") if cell is None else cell for cell in row] for row in grid]
        axes.pcolormesh(values, cmap="viridis", edgecolors="face")  # shapes, no picture
        shown = [cell for row in grid for cell in row if cell is not None]
        middle = (min(shown) + max(shown)) / 2 if shown else 0.0
        for y, row in enumerate(grid):
            for x, cell in enumerate(row):
                shade = "#ffffff" if cell is not None and cell <= middle else "#000000"
                axes.text(
                    x + 0.5,
                    y + 0.5,
                    "-" if cell is None else f"{cell:.3g}",
                    ha="center",
                    va="center",
                    color=shade,
                    fontsize=8,
                )
        axes.invert_yaxis()
        axes.set_xticks([place + 0.5 for place in range(len(columns))], [_short(str(one), 16) for one in columns])
        axes.set_yticks([place + 0.5 for place in range(len(rows))], [_short(str(one), 16) for one in rows])
        axes.grid(visible=False)
        axes.set_xlabel(f"{across}  (cells: mean {metric}, {_unit(about)})")
        axes.set_ylabel(down or "all jobs")
    return out[0]


@contextmanager
def _drawn(title: str, number: int, height: float) -> Iterator[tuple[Axes, list[str]]]:
    """An empty figure with its title; when it is filled, its SVG stands in the list."""
    import matplotlib
    from matplotlib.figure import Figure

    out: list[str] = []
    style: Any = {**_STYLE, "svg.hashsalt": str(number)}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.subplots()
        figure.suptitle(_wrapped(title, TITLE_WIDTH), x=0.01, ha="left", fontsize=9.5, fontweight="bold")
        yield axes, out
        axes.set_xlabel(_wrapped(axes.get_xlabel(), LABEL_WIDTH))
        axes.set_ylabel(_wrapped(axes.get_ylabel(), int(8 * height)))
        out.append(_svg(figure, title, number))


def _svg(figure: Figure, title: str, number: int) -> str:
    """Inline SVG: as wide as its place, ids of its own, the page's colours, a name for those who hear it."""
    raw = io.StringIO()
    figure.savefig(raw, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = raw.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<svg ([^>]*?)(?:width="[^"]*" height="[^"]*"|height="[^"]*" [^>]*?width="[^"]*")', r"<svg \1", text)
    text = re.sub(
        r'<svg [^>]*viewBox="([^"]*)"[^>]*>', rf'<svg viewBox="\1" role="img" aria-label="{escape(title)}">', text
    )
    text = re.sub(r'\bid="', f'id="f{number}-', text)
    text = re.sub(r"url\(#", f"url(#f{number}-", text)
    text = re.sub(r'xlink:href="#', f'href="#f{number}-', text)
    text = re.sub(r"font: (?:bold )?([\d.]+)px [^;\"]*", _font, text)
    return text.replace(INK, "var(--ink)").replace(LINE, "var(--line)")


def _font(found: re.Match[str]) -> str:
    weight = "bold " if "bold" in found[0] else ""
    return f"font: {weight}{found[1]}px system-ui, sans-serif"


def _levels(found: Sequence[Entry], key: str) -> list[Any]:
    levels = list({repr(entry.axes.get(key)): entry.axes.get(key) for entry in found if entry.job}.values())
    numbers = all(isinstance(level, (int, float)) for level in levels)
    return sorted(levels) if numbers else sorted(levels, key=str)


def _cell(found: Sequence[Entry], metric: str, wanted: Mapping[str, Any]) -> float | None:
    means = [
        mean
        for entry in found
        if entry.job and all(entry.axes.get(key) == value for key, value in wanted.items())
        if (mean := entry.mean(metric)) is not None
    ]
    return sum(means) / len(means) if means else None


def _interval(entry: Entry, metric: str, mean: float) -> tuple[float, float]:
    """low and high; the mean itself where there are too few questions for an interval."""
    score = entry.scores[metric]
    return float(score.get("low", mean)), float(score.get("high", mean))


def _xy(points: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    return [point[0] for point in points], [point[1] for point in points]


def _unit(about: About | None) -> str:
    return about.unit if about else "as HintEval gives it"


def _way(about: About) -> str:
    return "more is better" if about.better == 1 else "less is better"


def _wrapped(text: str, width: int) -> str:
    """Lines of whole words: keys and metrics are not torn apart."""
    return fill(text, width, break_long_words=False, break_on_hyphens=False)


def _short(label: str, most: int = 26) -> str:
    return label if len(label) <= most else label[: most - 9] + "…" + label[-8:]
