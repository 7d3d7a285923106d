"""The report's figures of jobs: means, differences, losses, cost. Drawn by Matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from producer.compare.canvas import BASE, COLOURS, INK, PALE, drawn
from producer.compare.entries import Entry
from producer.compare.wording import better, names, unit, way

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ROWS = 48  #: entries in one figure; more cannot be told apart
NAMED = len(COLOURS)  #: jobs with a colour and a place in the legend
ROW = 0.23  #: inches


def dots(found: Sequence[Entry], metric: str, number: int) -> str:
    """Means with their 95 % intervals, one row an entry; base models are hollow."""
    rows = [entry for entry in found if entry.mean(metric) is not None]
    shown = rows[:MOST_ROWS]
    with drawn(f"{metric}: mean and 95 % interval{_of(shown, rows)}", number, 1.25 + ROW * len(shown)) as made:
        axes = made.axes
        for place, entry in enumerate(reversed(shown)):
            mean = entry.mean(metric) or 0.0
            colour, inside = (BASE, "none") if entry.job is None else (COLOURS[0], COLOURS[0])
            axes.plot(_interval(entry.scores[metric], mean), [place, place], color=colour, linewidth=1.6)
            axes.plot(mean, place, "o", color=colour, markersize=5.5, markerfacecolor=inside)
        _base_lines(found, metric, axes.axvline)
        _rows(axes, shown)
        made.label(f"mean {metric} ({unit(metric)}), {_n(shown, metric)}; {way(metric)}", "job")
    return made.svg


def differences(found: Sequence[Entry], metric: str, number: int) -> str:
    """Tuned less base on the same questions, with 95 % intervals; what holds 0 is pale."""
    rows = [entry for entry in found if (entry.comparison.get(metric) or {}).get("n")]
    shown = rows[:MOST_ROWS]
    with drawn(f"{metric}: tuned less base{_of(shown, rows)}", number, 1.25 + ROW * len(shown)) as made:
        axes = made.axes
        axes.axvline(0, color=INK, linewidth=1)
        for place, entry in enumerate(reversed(shown)):
            pair = entry.comparison[metric]
            colour = {1: COLOURS[2], -1: BASE, 0: PALE}[shows(pair, metric)]
            axes.plot(_interval(pair, pair["difference"]), [place, place], color=colour, linewidth=1.6)
            axes.plot(pair["difference"], place, "o", color=colour, markersize=5.5)
        _rows(axes, shown)
        made.label(f"mean difference of {metric} ({unit(metric)}) and 95 % interval; {way(metric)}", "job")
    return made.svg


def shows(pair: Mapping[str, Any], metric: str) -> int:
    """1 better and -1 worse than the base model; 0 where the interval holds 0, or there is none."""
    if "low" not in pair or pair["low"] <= 0 <= pair["high"]:
        return 0
    return better(metric) if pair["difference"] > 0 else -better(metric)


def curves(found: Sequence[Entry], losses: Sequence[Mapping[str, Any]], number: int) -> str:
    """Training loss by step of each run, lines; evaluation loss, dots. The first have a colour, the others are pale."""
    evaluated = any(one.get("eval") for one in losses)
    with drawn("Training loss of the runs", number, 3.0 + _legend_height(len(found)), legend=True) as made:
        ink = _Palette(found)
        for place, one in reversed(list(enumerate(losses))):
            colour, label = ink.of(place)
            width = 0.5 if colour == PALE else 1.3
            made.axes.plot(*_xy(one.get("train") or []), color=colour, linewidth=width, label=label)
            made.axes.plot(*_xy(one.get("eval") or []), "o", color=colour, markersize=4)
        made.label(f"training step{' (dots: evaluation loss)' if evaluated else ''}", "loss (nats per token)")
        made.legend(ink.labels)
    return made.svg


def cost(found: Sequence[Entry], metric: str, number: int) -> str:
    """What a job cost, by what it brought."""
    rows = [entry for entry in found if entry.cost is not None and entry.mean(metric) is not None]
    with drawn(f"Cost against {metric}", number, 2.9 + _legend_height(len(rows) + 1), legend=True) as made:
        ink = _Palette(rows)
        for place, entry in reversed(list(enumerate(rows))):
            colour, label = ink.of(place)
            mean, usd = entry.mean(metric) or 0.0, entry.cost or 0.0
            made.axes.plot([usd, usd], _interval(entry.scores[metric], mean), color=colour, linewidth=1.2)
            made.axes.plot(usd, mean, "o", color=colour, markersize=4 if colour == PALE else 6, label=label)
        _base_lines(found, metric, made.axes.axhline, label="base model")
        _money(made.axes, [entry.cost or 0.0 for entry in rows])
        made.label("cost of the run and its endpoints (USD)", f"mean ({unit(metric)})")
        made.legend([*ink.labels, "base model"])
    return made.svg


class _Palette:
    """Colours and names for the first entries; the rest share one pale colour and one line of the legend."""

    def __init__(self, found: Sequence[Entry]) -> None:
        coloured = len(found) if len(found) <= NAMED else NAMED - 1
        self.labels = [_plain(name) for name in names(found, 22)[:coloured]]
        self._others = f"the other {len(found) - coloured}"
        if coloured < len(found):
            self.labels.append(self._others)

    def of(self, place: int) -> tuple[str, str]:
        """Colour and label of an entry."""
        if self._others in self.labels and place >= NAMED - 1:
            return PALE, self._others
        return COLOURS[place], self.labels[place]


def _plain(label: str) -> str:
    """Matplotlib leaves labels that begin with _ out of the legend, and reads $ as mathematics."""
    text = label.replace("$", r"\$")
    return f"\u200b{text}" if text.startswith("_") else text


def _rows(axes: Axes, shown: Sequence[Entry]) -> None:
    axes.locator_params(axis="x", nbins=5)
    axes.set_yticks(range(len(shown)), [_plain(name) for name in reversed(names(shown))])
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.grid(visible=False, axis="y")


def _base_lines(found: Sequence[Entry], metric: str, line: Callable[..., Any], label: str = "_") -> None:
    means = [mean for entry in found if entry.job is None and (mean := entry.mean(metric)) is not None]
    for place, mean in enumerate(means):
        line(mean, color=BASE, linestyle=":", linewidth=1.2, label="_" if place else label)


def _money(axes: Axes, paid: Sequence[float]) -> None:
    """Some room at both sides, and no offset: equal costs are no reason for digits."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    low, high = min(paid), max(paid)
    room = 0.08 * (high - low) or 0.2 * high or 0.5
    axes.set_xlim(max(low - room, -room / 4), high + room)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda usd, _: f"{usd:.4g}"))


def _legend_height(entries: int) -> float:
    return 0.18 * (-(-min(entries, NAMED) // 2) if entries > 3 else entries)


def _of(shown: Sequence[Entry], rows: Sequence[Entry]) -> str:
    return f", {len(shown)} of {len(rows)}" if len(shown) < len(rows) else ""


def _n(shown: Sequence[Entry], metric: str) -> str:
    counts = sorted({int(entry.scores[metric].get("n") or 0) for entry in shown})
    return f"n {counts[0]}" if len(counts) == 1 else f"n {counts[0]} to {counts[-1]}"


def _interval(score: Mapping[str, Any], mean: float) -> tuple[float, float]:
    """low and high; the mean itself where there are too few questions for an interval."""
    return float(score.get("low", mean)), float(score.get("high", mean))


def _xy(points: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    return [point[0] for point in points], [point[1] for point in points]
