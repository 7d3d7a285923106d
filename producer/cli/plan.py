"""plan: what submit would store, without touching anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from common.dataset import parse, select
from common.printable import printable
from common.spec import DatasetSpec, JobSpec
from producer.cli.context import Tools, pass_tools
from producer.cli.output import emit_all, output_option, print_table, say
from producer.cli.specs import read_specs, spec_arguments

Counts = dict[str, int]
DROPPED = "dropped_"


@click.command()
@spec_arguments
@output_option
@pass_tools
def plan(tools: Tools, specs: Sequence[str], sets: Sequence[str], output: str) -> None:
    """Show which jobs SPEC files make, without touching anything.

    Neither Redis nor the platform is asked. What the jobs will cost is not told yet: prices come later.
    """
    checked = tools.producer.check(read_specs(specs, sets))
    counts = count_rows(checked)
    planned = [_planned(spec, counts.get(spec.dataset)) for spec, _ in checked]
    if output != "table":
        emit_all(planned, output)
        return
    print_table(
        ["NAME", "ROWS", "QUESTIONS", "EPOCHS", "LR", "BATCH", "SUFFIX", "MODEL"],
        [_row(one) for one in planned],
    )
    _tell_dropped(counts)
    say(f"{len(planned)} job{'s' if len(planned) > 1 else ''}; nothing was stored: hintrelay submit does that")


def count_rows(checked: Sequence[tuple[JobSpec, Path | None]]) -> dict[DatasetSpec, Counts]:
    """What each data set comes to; those that HintEval or a URL has are counted by the worker."""
    subsets: dict[Path, dict[str, Any]] = {}
    counts: dict[DatasetSpec, Counts] = {}
    for spec, path in checked:
        if path is None or spec.dataset in counts:
            continue
        if path not in subsets:
            subsets[path] = parse(path.read_bytes(), spec.dataset.source)
        counts[spec.dataset] = select(subsets[path], spec.dataset).counts
    return counts


def _planned(spec: JobSpec, counts: Counts | None) -> dict[str, Any]:
    found = counts or {}
    return {
        "name": spec.name,
        "model": spec.finetune.model,
        "n_epochs": spec.finetune.n_epochs,
        "learning_rate": spec.finetune.learning_rate,
        "batch_size": spec.finetune.batch_size,
        "suffix": spec.finetune.suffix,
        "train_rows": found.get("train_rows"),
        "test_questions": found.get("test_questions"),
        "dropped": {name.removeprefix(DROPPED): n for name, n in found.items() if name.startswith(DROPPED)},
        "spec": spec.dump(),
    }


def _row(one: dict[str, Any]) -> list[str]:
    names = ("name", "train_rows", "test_questions", "n_epochs", "learning_rate", "batch_size", "suffix", "model")
    return [printable("?" if one[name] is None else str(one[name])) for name in names]


def _tell_dropped(counts: dict[DatasetSpec, Counts]) -> None:
    for dataset, found in counts.items():
        for name, number in found.items():
            if name.startswith(DROPPED):
                why = name.removeprefix(DROPPED).replace("_", " ")
                say(f"{printable(dataset.source)}: {number} rows of {dataset.train!r} are not trained on: {why}")
