"""Results as JSON, and the section of the page that is made from them."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.kit import plots, screen
from benchmarks.kit.rounds import Benchmark, Table, Verdict

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
        "notes": bench.notes(table),
        "heads": screen.heads(bench),
        "lines": list(screen.lines(bench, table)),
        "plots": plots.draw(folder, bench, table, about),
    }
    (folder / f"{bench.name}.json").write_text(json.dumps(body, indent=1) + "\n", "utf-8")


def write_page(page: Path, folder: Path) -> None:
    """Replace what stands between the markers."""
    text = page.read_text("utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    found = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
    page.write_text(f"{head}{BEGIN}\n\n{_section(found, folder, page.parent)}\n{END}{tail}", "utf-8")


def _section(found: list[dict[str, Any]], folder: Path, base: Path) -> str:
    parts = []
    for body in found:
        parts += [f"### {body['benchmark']}: {body['title']}", "", body["about"], ""]
        parts += [_row(body["heads"]), _row(["---"] * len(body["heads"])), *map(_row, body["lines"]), ""]
        if body["goals"]:
            parts += ["| goal |", "|---|", *(_row([goal["sentence"]]) for goal in body["goals"]), ""]
        parts += [f"- {note}" for note in body["notes"]] + [""] * bool(body["notes"])
        parts += [f"![{body['title']}]({os.path.relpath(folder / name, base)})" for name in body["plots"]] + [""]
        parts += ["| measured on | |", "|---|---|", *(_row([*pair]) for pair in body["machine"].items()), ""]
    return "\n".join(parts)


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
