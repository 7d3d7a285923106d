"""compare: jobs by metrics, with cost and minutes; as a table, CSV, JSON, or one HTML file that opens anywhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from common.job import Job
from common.metrics import METRICS
from common.printable import printable
from producer.cli.batches import batch_option, chosen
from producer.cli.context import Tools, pass_tools
from producer.cli.output import print_table, say
from producer.cli.results import write_whole
from producer.compare.entries import Entry, entries, lacking, metrics_of, ranked
from producer.compare.table import as_csv, as_json, cells

FORMATS = ["table", "csv", "json", "jsonl", "html"]


@click.command()
@click.argument("jobs", metavar="JOB...", nargs=-1)
@batch_option("The jobs of this batch.")
@click.option("--metric", "wanted", multiple=True, type=click.Choice(list(METRICS)), metavar="M", help="Only this one.")
@click.option("-o", "output", type=click.Choice(FORMATS), default="table", show_default=True, help="How to write it.")
@click.option("--output", "file", type=click.Path(path_type=Path, dir_okay=False), help="A file instead of stdout.")
@pass_tools
def compare(
    tools: Tools, jobs: tuple[str, ...], batch: str | None, wanted: tuple[str, ...], output: str, file: Path | None
) -> None:
    """Compare jobs by their metrics, with cost and minutes.

    The best under the first metric stand first. In brackets: the difference from the base model on the same questions,
    where evaluate.baseline asked it; n is how many hints were scored. html is one file that needs no network: figures,
    the base model's hints beside the tuned one's, the specs.
    """
    found = read_jobs(tools, jobs, batch)
    shown = entries(found)
    metrics = metrics_of(shown, wanted)
    if absent := [metric for metric in wanted if metric not in metrics]:
        say(f"no job was scored by {', '.join(dict.fromkeys(absent))}")
    for line in lacking(shown, metrics):
        say(line)
    if waiting := [job.id for job in found if "scores" not in job.facts]:
        say(f"without scores yet: {', '.join(waiting[:10])}{' and more' if len(waiting) > 10 else ''}")
    written = _written(tools, ranked(shown, metrics[0] if metrics else None), metrics, output, batch, file)
    if written is None:
        return
    if file is not None:
        write_whole(file, written.encode("utf-8", "backslashreplace"))
        say(f"written to {file}")
    else:
        click.echo(written, nl=not written.endswith("\n"))


def read_jobs(tools: Tools, refs: Sequence[str], batch: str | None) -> list[Job]:
    """The jobs that are meant, with their specs. Raises UsageError, NotFound."""
    ids = chosen(tools, refs, batch)
    if ids is None:  # one that is named twice is one job
        ids = list(dict.fromkeys(tools.producer.store.resolve(ref) for ref in refs))
    return tools.producer.store.whole(ids)


def _written(
    tools: Tools, shown: Sequence[Entry], metrics: Sequence[str], output: str, batch: str | None, file: Path | None
) -> str | None:
    """The text; None where it was printed as a table."""
    match output:
        case "csv":
            return as_csv(shown, metrics)
        case "json" | "jsonl":
            return json.dumps(as_json(shown, metrics), indent=None if output == "jsonl" else 2)
        case "html":
            if file is None and sys.stdout.isatty():
                raise click.UsageError("-o html writes a page: give --output FILE")
            from producer.compare.page import page

            return page(shown, metrics, tools, batch)
    heads, rows = cells(shown, metrics)
    if file is not None:
        return "\n".join("\t".join(line) for line in (heads, *rows)) + "\n"
    print_table(heads, [[printable(cell) for cell in row] for row in rows], gives_way=("NAME",))
    return None
