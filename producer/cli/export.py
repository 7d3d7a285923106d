"""export: a batch as a folder, to check it or to do it again elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from common.errors import ConfigurationError
from common.job import Job
from common.states import JobState
from producer.cli.context import Tools, pass_tools
from producer.cli.output import say
from producer.compare.entries import entries, metrics_of, ranked
from producer.compare.table import as_csv
from producer.export import MANIFEST, Export


@click.command()
@click.argument("batch")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@pass_tools
def export(tools: Tools, batch: str, folder: Path) -> None:
    """Write all of a batch into a folder: specs, data, events, results.

    With the training files, prompts, seeds, versions, the comparison and the report. `submit --from DIR` repeats it.
    DIR is new or empty, or an earlier export.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / MANIFEST).is_file():
        raise click.UsageError(f"{folder} holds other files; give a folder that is new or empty")
    store = tools.producer.store
    jobs = store.whole(store.batch(batch))
    events = tools.producer.events_log.of_jobs({job.id for job in jobs}, since_ms=min(job.created for job in jobs))
    written = Export(folder, tools.artifacts)
    try:
        written.write(batch, jobs, list(events), _report(tools, jobs, batch))
    except OSError as exc:
        raise click.UsageError(f"{folder}: cannot be written: {exc.strerror or exc}") from exc
    for words in written.missing:
        say(f"missing: {words}")
    if unfinished := sum(job.state is not JobState.SUCCEEDED for job in jobs):
        say(f"{unfinished} of {len(jobs)} jobs have not succeeded; they are in it as they stand")
    click.echo(str(folder / MANIFEST))


def _report(tools: Tools, jobs: list[Job], batch: str) -> dict[str, str]:
    """The comparison; the page too, where Matplotlib is installed."""
    found = entries(jobs)
    metrics = metrics_of(found)
    rows = ranked(found, metrics[0] if metrics else None)
    files = {"compare.csv": as_csv(rows, metrics)}
    try:
        from producer.compare.page import page

        files["report.html"] = page(rows, metrics, tools, batch)
    except ConfigurationError as exc:
        say(f"without report.html: {exc.message}; {exc.hint}")
    return files
