"""What the demo leaves: the results of each job, and a report of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import yaml

from common.events import Event
from common.job import Job
from common.printable import printable
from producer.cli.context import Tools
from producer.cli.events import facts
from producer.cli.results import read_results, write_whole

HEADS = ["job", "name", "learning rate"]


def save_results(tools: Tools, jobs: Sequence[Job], folder: Path) -> dict[str, Path]:
    """Each job's HintEval JSON as a file; their paths by job id."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for job in jobs:
        files[job.id] = folder / f"{''.join(c if c.isalnum() or c in '.-_' else '_' for c in job.name)}.json"
        write_whole(files[job.id], read_results(tools, job))
    return files


def score_table(jobs: Sequence[Job]) -> tuple[list[str], list[list[str]]]:
    """(heads, rows): a row for each job, a column for each metric."""
    metrics = list(dict.fromkeys(name for job in jobs for name in job.facts.get("scores") or {}))
    rows = []
    for job in jobs:
        scores = job.facts.get("scores") or {}
        means = [scores.get(name, {}).get("mean") for name in metrics]
        shown = ["-" if mean is None else f"{mean:.4f}" for mean in means]
        rows.append([job.id, printable(job.name), f"{job.spec.finetune.learning_rate:g}", *shown])
    return [*HEADS, *metrics], rows


def write_report(file: Path, jobs: Sequence[Job], files: Mapping[str, Path], events: Sequence[Event]) -> None:
    """report.md: scores, results, history, specs."""
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    heads, rows = score_table(jobs)
    lines = ["# hintrelay demo", "", f"{made}. Trained and asked on the sandbox: the scores show that the relay works,"]
    lines += ["not what a model can do.", "", "## Scores", "", *_table(heads, rows)]
    lines += [
        "",
        "## Results",
        "",
        *(f"- {job.id}: [{files[job.id].name}](results/{files[job.id].name})" for job in jobs),
    ]
    lines += ["", "## What happened", "", *_history(events)]
    for job in jobs:
        lines += [
            "",
            f"## Spec of {job.id}",
            "",
            "```yaml",
            yaml.safe_dump(job.spec_json, sort_keys=False).strip(),
            "```",
        ]
    write_whole(file, ("\n".join(lines) + "\n").encode())


def _history(events: Sequence[Event]) -> list[str]:
    begin = events[0].at if events else 0
    rows = [[f"{(e.at - begin) / 1000:.1f} s", e.job, e.type, _move(e), facts(e.data)] for e in events]
    return _table(["time", "job", "event", "move", "facts"], rows)


def _move(event: Event) -> str:
    return " -> ".join(state for state in (event.origin, event.to) if state)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
