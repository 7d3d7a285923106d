"""An empty figure, and how it becomes inline SVG: text stays text, colours are the page's, light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from textwrap import fill
from typing import TYPE_CHECKING, Any

from common.errors import ConfigurationError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 4.2  #: inches; narrow, so that text is 10 px high where the page is 390 px wide
TITLE_WIDTH, LABEL_WIDTH, DOWN_WIDTH = 40, 52, 24  #: characters in a line
INK, LINE, PALE = "#0b0c0d", "#c9cacb", "#8f9091"  #: exchanged for the page's own colours
#: told apart by most who see colours differently (Okabe and Ito), dark enough on white and light enough on black
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#8c6bb1", "#a0522d")
BASE = COLOURS[1]  #: what stands for a base model

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
    "axes.unicode_minus": True,
    "axes.labelpad": 9,  # a browser's font may be wider than the one that places were measured with
    "grid.linewidth": 0.6,
    "grid.color": LINE,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "axes.edgecolor": PALE,
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
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


class Drawing:
    """A figure under way: its axes, one above the other, and its SVG when it is filled."""

    def __init__(self, figure: Figure, panels: list[Axes], has_legend: bool) -> None:
        self.has_legend = has_legend
        self.figure = figure
        self.panels = panels
        self.axes = panels[0]
        self.svg = ""

    def label(self, across: str, down: str) -> None:
        """Names of the axes, with units, in lines of whole words; the one across has the figure's whole width, or,
        where a legend is to stand below it, that of the axes."""
        if self.has_legend:
            self.panels[-1].set_xlabel(across)
        else:
            self.figure.supxlabel(wrapped(across, LABEL_WIDTH), fontsize=9)
        for axes in self.panels:
            axes.set_ylabel(wrapped(down, DOWN_WIDTH))

    def legend(self, order: Sequence[str]) -> None:
        """Below all, where it hides nothing. `order` are labels."""
        found = dict(zip(*reversed(self.axes.get_legend_handles_labels()), strict=True))
        shown = [label for label in order if label in found]
        self.figure.legend(
            [found[label] for label in shown],
            shown,
            loc="outside lower left",
            ncols=2 if len(shown) > 3 else 1,
            fontsize=8,
            frameon=False,
            labelcolor=INK,
            handlelength=1.2,
            columnspacing=1.0,
            borderaxespad=0.2,
        )


@contextmanager
def drawn(title: str, number: int, height: float, panels: int = 1, legend: bool = False) -> Iterator[Drawing]:
    """An empty figure with its title, `height` in inches. `number` keeps its ids apart from other figures'."""
    import matplotlib
    from matplotlib.figure import Figure

    style: Any = {**_STYLE, "svg.hashsalt": str(number)}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        made = Drawing(figure, list(figure.subplots(panels, 1, squeeze=False)[:, 0]), legend)
        figure.suptitle(wrapped(title, TITLE_WIDTH), x=0.01, ha="left", fontsize=10, fontweight="bold")
        yield made
        made.svg = _svg(figure, title, number)


def _svg(figure: Figure, title: str, number: int) -> str:
    """Inline SVG: as wide as its place, ids of its own, the page's colours, a name for those who hear it."""
    raw = io.StringIO()
    figure.savefig(raw, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = raw.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(
        r'<svg [^>]*viewBox="([^"]*)"[^>]*>', rf'<svg viewBox="\1" role="img" aria-label="{escape(title)}">', text
    )
    text = re.sub(r'\bid="', f'id="f{number}-', text)
    text = re.sub(r"url\(#", f"url(#f{number}-", text)
    text = re.sub(r'xlink:href="#', f'href="#f{number}-', text)
    text = re.sub(r"font: (?:bold )?([\d.]+)px [^;\"]*", _font, text)
    return text.replace(INK, "var(--ink)").replace(LINE, "var(--line)").replace(PALE, "var(--soft)")


def _font(found: re.Match[str]) -> str:
    weight = "bold " if "bold" in found[0] else ""
    return f"font: {weight}{found[1]}px system-ui, sans-serif"


def wrapped(text: str, width: int) -> str:
    """Lines of whole words: keys and metrics are not torn apart."""
    return fill(text, width, break_long_words=False, break_on_hyphens=False)
