"""Results as JSON, and the section of the page that is made from them."""

from __future__ import annotations

import json
import os
import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.kit import machine, plots, screen
from benchmarks.kit.rounds import Benchmark, Table, Verdict

WIDTH = 150
BEGIN, END = "<!-- results: begin, made by --page -->", "<!-- results: end -->"


def write(folder: Path, bench: Benchmark, table: Table, verdicts: list[Verdict], about: dict[str, str]) -> None:
    """`<name>.json` with every round, and its plots."""
    folder.mkdir(parents=True, exist_ok=True)
    body = {
        "benchmark": bench.name,
        "title": bench.title,
        "about": bench.about,
        "machine": about,
        "columns": [asdict(column) for column in bench.columns],
        "rounds": table.rows,
        "broke": table.faults,
        "goals": [
            {**asdict(verdict), "met": verdict.met, "sentence": screen.sentence(verdict)} for verdict in verdicts
        ],
        "notes": screen.remarks(bench, table),
        "heads": screen.heads(bench),
        "lines": list(screen.lines(bench, table)),
        "plots": plots.draw(folder, bench, table, about),
    }
    (folder / f"{bench.name}.json").write_text(json.dumps(body, indent=1) + "\n", "utf-8")


def write_page(page: Path, folder: Path, order: Sequence[str]) -> None:
    """Replace what stands between the markers with the benchmarks of `order` that have results."""
    text = page.read_text("utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    paths = [folder / f"{name}.json" for name in order]
    found = [json.loads(path.read_text("utf-8")) for path in paths if path.is_file()]
    sections = [_goals(found), *(_section(body, folder, page.parent) for body in found)]
    page.write_text(f"{head}{BEGIN}\n\n{''.join(sections)}{END}{tail}", "utf-8")


def _goals(found: list[dict[str, Any]]) -> str:
    """All goals at a glance."""
    rows = [
        _row([body["benchmark"], _escaped(goal["goal"]), *_cells(body, goal)])
        for body in found
        for goal in body["goals"]
    ]
    heads = ["benchmark", "measure", "goal", "measured: median [range]", ""]
    return "\n".join(["### The goals", "", _row(heads), _row(["---"] * len(heads)), *rows, "", ""])


def _cells(body: dict[str, Any], goal: dict[str, Any]) -> tuple[str, str, str]:
    wanted, seen, word = screen.verdict_cells(goal)
    return wanted, seen, f"{word}, machine busy" if machine.busy(body["machine"]) else word


def _section(body: dict[str, Any], folder: Path, base: Path) -> str:
    parts = [f"### {body['benchmark']}: {body['title']}", "", _wrapped(body["about"]), ""]
    parts += [_row(body["heads"]), _row(["---", *["---:"] * (len(body["heads"]) - 1)]), *map(_row, body["lines"]), ""]
    parts += [_wrapped(f"- **{warning}**") for warning in [machine.busy(body["machine"])] if warning]
    parts += [_wrapped(f"- {goal['sentence']}") for goal in body["goals"]]
    parts += [_wrapped(f"- {note}") for note in body["notes"]]
    parts += [""] + [f"![{body['title']}]({os.path.relpath(folder / name, base)})\n" for name in body["plots"]]
    measured = "; ".join(f"{name}: {value}" for name, value in body["machine"].items())
    return "\n".join([*parts, _wrapped(f"Measured on: {measured}"), "", ""])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _wrapped(text: str) -> str:
    """No line of a page is wider than a screen; what follows in a list stands under its first line."""
    indent = "  " if text.startswith("- ") else ""
    return textwrap.fill(_escaped(text), WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def _escaped(text: str) -> str:
    """A fault may have what Markdown would take for a tag."""
    return text.replace("<", "&lt;")
