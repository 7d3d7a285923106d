"""plan: what submit would store, and what it would cost, without touching anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from common import prices
from common.errors import Unreachable
from common.money import spoken, usd
from common.printable import printable
from common.sharing import Sharing
from common.spec import DatasetSpec
from producer.cli.context import Tools, pass_tools
from producer.cli.findings import findings_json, tell_findings
from producer.cli.lacking import lacking_of_each, tell_lacking
from producer.cli.output import emit_all, output_option, print_table, say
from producer.cli.specs import read_specs, spec_arguments
from producer.planning import Planned, planned, too_dear, with_reuse

DROPPED = "dropped_"


@click.command()
@spec_arguments
@click.option("--exact", is_flag=True, help="Upload the training files and ask the platform for its own estimate.")
@output_option
@pass_tools
def plan(tools: Tools, specs: Sequence[str], sets: Sequence[str], fresh: bool, exact: bool, output: str) -> None:
    """Show which jobs SPEC files make and what they cost.

    The endpoints of `auto` jobs are part of the price. Nothing is stored: the job store is only read, to tell what
    is there already; the platform is not asked. With --exact the training files are uploaded, which costs nothing,
    and the platform is asked for its estimate.
    """
    settings = tools.settings
    files: dict[str, Path] = {}
    checked = tools.producer.check(read_specs(specs, sets, fresh=fresh, files=files), files)
    rows = planned(checked, prices.load(settings.prices), settings.platform_url)
    sharing = Sharing.beside(tools.producer.store)
    try:
        rows = with_reuse(rows, sharing, settings.platform_url)
    except Unreachable as exc:
        say(f"what is there already is not known: {exc.message}")
    if exact:
        from producer.exact import with_hardware, with_quotes

        rows = with_quotes(rows, checked, tools.quotes, settings.platform_url, sharing, say)
        rows = with_hardware(rows, prices.load(settings.prices), tools.quotes, say)
    if output != "table":
        lacks = lacking_of_each(row.spec for row in rows)
        emit_all(({**_json(row), "unavailable": lack} for row, lack in zip(rows, lacks, strict=True)), output)
        return
    print_table(
        ["NAME", "ROWS", "QUESTIONS", "EPOCHS", "LR", "BATCH", "PRICE", "RUN", "SUFFIX", "MODEL"],
        [_row(one) for one in rows],
        gives_way=("SUFFIX", "QUESTIONS", "BATCH"),
    )
    _tell_dropped(rows)
    tell_findings(tools.producer.findings)
    tell_lacking(row.spec for row in rows)
    for words in too_dear(rows):
        say(f"submit will refuse this: {words}")
    _tell_sum(rows, settings.prices)


def _json(row: Planned) -> dict[str, Any]:
    spec = row.spec
    found = row.data.counts if row.data else {}
    return {
        "name": spec.name,
        "priority": spec.priority,
        "model": spec.finetune.model,
        "n_epochs": spec.finetune.n_epochs,
        "learning_rate": spec.finetune.learning_rate,
        "batch_size": spec.finetune.batch_size,
        "suffix": spec.finetune.suffix,
        "train_rows": found.get("train_rows"),
        "test_questions": found.get("test_questions"),
        "dropped": {name.removeprefix(DROPPED): n for name, n in found.items() if name.startswith(DROPPED)},
        "findings": findings_json(row.data.findings) if row.data else {},
        "price_usd": None if row.cost is None else usd(row.cost),
        "estimate": _estimate(row),
        "endpoint": _endpoint(row),
        "new": row.new,
        "shares": _shares(row),
        "file": {"sha256": row.data.sha256, "size": row.data.size, "known": row.file_known} if row.data else None,
        "spec": spec.dump(),
    }


def _estimate(row: Planned) -> dict[str, Any] | None:
    """Of a run of its own; `price_usd` is what the job adds to the bill."""
    if row.estimate is None:
        return None
    return {"usd": usd(row.estimate.cost), "tokens": row.estimate.tokens, "source": row.estimate.source}


def _endpoint(row: Planned) -> dict[str, Any] | None:
    one = row.endpoint
    if one is None:
        return None
    price = {"minutes": one.minutes, "cents_per_minute": one.cents_per_minute, "hardware": one.hardware or None}
    return {"usd": usd(one.cost), **price, "source": one.source}


def _shares(row: Planned) -> dict[str, Any] | None:
    if row.sharer is not None:
        return {"job": row.sharer.id, "state": str(row.sharer.state), "run_id": row.sharer.run_id}
    return {"row": row.twin} if row.twin is not None else None


def _row(row: Planned) -> list[str]:
    shown = _json(row)
    cells = [
        shown[name] for name in ("name", "train_rows", "test_questions", "n_epochs", "learning_rate", "batch_size")
    ]
    price = "?" if row.cost is None else spoken(row.cost) if row.new or row.endpoint else "-"
    cells += [price, _run(row), shown["suffix"], shown["model"]]
    return [printable("?" if cell is None else str(cell)) for cell in cells]


def _run(row: Planned) -> str:
    if row.sharer is not None:
        return f"of {row.sharer.id}"
    return "new" if row.twin is None else f"of row {row.twin}"


def _tell_dropped(rows: Sequence[Planned]) -> None:
    counts: dict[DatasetSpec, dict[str, int]] = {row.spec.dataset: row.data.counts for row in rows if row.data}
    for dataset, found in counts.items():
        for name, number in found.items():
            if name.startswith(DROPPED) and number:
                why = name.removeprefix(DROPPED).replace("_", " ")
                say(f"{printable(dataset.source)}: {number} rows of {dataset.train!r} are not trained on: {why}")


def _tell_sum(rows: Sequence[Planned], table: str) -> None:
    new = [row for row in rows if row.new]
    known = sum(row.estimate.cost for row in new if row.estimate is not None)
    files = {row.data.sha256: row.file_known for row in rows if row.data}
    say(
        f"{len(rows)} job{'s' if len(rows) != 1 else ''}, {len(new)} new run{'s' if len(new) != 1 else ''}, "
        f"{len(rows) - len(new)} shared; {sum(map(bool, files.values()))} of {len(files)} training files are there"
    )
    unknown = sum(row.cost is None for row in new)
    more = f", and {unknown} more whose price is not known: the worker reads their data" if unknown else ""
    say(f"about {spoken(known)} for fine-tuning{more} ({_whence(new, table)})")
    _tell_endpoints(rows)
    say("nothing was stored: hintrelay submit does that")


def _tell_endpoints(rows: Sequence[Planned]) -> None:
    found = [row.endpoint for row in rows if row.endpoint is not None]
    if found:
        whole, minutes = sum(one.cost for one in found), sum(one.minutes for one in found)
        ours = any(one.source == "local" for one in found)
        whence = "by this machine's prices" if ours else "at the platform's prices"
        say(f"about {spoken(whole)} for {len(found)} endpoints that are to run {minutes} minutes in all ({whence})")
    bases = {row.spec.finetune.model for row in rows if row.spec.deploy.mode == "auto" and row.spec.evaluate.baseline}
    for model in sorted(bases):
        say(f"where {printable(model)} answers nowhere, one more endpoint is for all that compare with it")


def _whence(new: Sequence[Planned], table: str) -> str:
    if any(row.estimate and row.estimate.source == "platform" for row in new):
        return "by the platform's estimate"
    given = prices.load(table)
    return f"by this machine's estimate, prices of {given.date}; --exact asks the platform"
