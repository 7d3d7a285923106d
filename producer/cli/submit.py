"""submit: specs into stored, started jobs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from common.collector import resting_collector
from common.errors import Exit, NotFound
from common.job import Job
from common.money import spoken
from common.names import own_batch_name
from common.printable import printable
from common.spec import JobSpec
from common.states import JobState
from common.view import job_json
from producer.cli import rail
from producer.cli.budget import Amount
from producer.cli.context import Tools, pass_tools
from producer.cli.output import console, emit_all, leave, output_option, print_table, say
from producer.cli.specs import read_specs, spec_arguments
from producer.client import SubmittedJob, local_file

if TYPE_CHECKING:
    from rich.text import Text

    from common.store import Store
    from producer.client import Producer

LARGE_BYTES = 5_000_000  #: data that takes long enough to be told of


@click.command()
@spec_arguments
@click.option("--key", help="The same jobs under the same key are created once.")
@click.option("--batch", help="The batch that the jobs belong to; else it is named by their names.")
@click.option("--budget", type=Amount(), help="What the batch may cost in dollars, where it has no budget yet.")
@click.option("--watch", "watching", is_flag=True, help="Watch the jobs until they have ended.")
@output_option
@pass_tools
def submit(
    tools: Tools,
    specs: Sequence[str],
    sets: Sequence[str],
    fresh: bool,
    key: str | None,
    batch: str | None,
    budget: int | None,
    watching: bool,
    output: str,
) -> None:
    """Store the jobs of SPEC files and start them.

    SPEC is a YAML or JSON file, or - for standard input. All are checked before any is stored.
    """
    files: dict[str, Path] = {}
    wanted = read_specs(specs, sets, fresh=fresh, files=files)
    producer = tools.producer
    if batch is None and wanted:
        batch = own_batch_name([spec.name for spec in wanted], key)
    try:
        with _progress(wanted, files):
            stored = producer.submit_all(wanted, key, batch=batch, budget=budget, files=files)
    except KeyboardInterrupt:
        _tell_stored(producer.store, batch or "", len(wanted))
        leave(Exit.INTERRUPTED)
    jobs = _read(producer.store, [one.id for one in stored], output)
    _print(jobs, stored, output)
    _tell_findings(producer)
    _tell_lacking(wanted)
    _tell_ended(jobs)
    _tell_budget(producer, jobs, budget)
    if producer.commands.nudge_lost is not None:
        say("the broker cannot be reached just now: the jobs are stored, and the tick will send them")
    if watching:
        from producer.cli.watch import watch_jobs

        leave(watch_jobs(tools, [job.id for job in jobs], None, output if output == "table" else "talk"))
    if sys.stderr.isatty() and output == "table":
        _footer(jobs)


def _tell_stored(store: Store, batch: str, wanted: int) -> None:
    """Of a submit that was stopped: whether there are jobs by now, which go on and cost money."""
    try:
        count = len(store.batch(batch))
    except NotFound:
        say("stopped; none of the jobs was stored")
        return
    say(f"stopped; batch {batch} has {count} jobs by now, of the {wanted} that were wanted, and they go on")
    say(f"hintrelay cancel --batch {batch} ends them")


def _tell_findings(producer: Producer) -> None:
    if any(finding.rows for found in producer.findings.values() for finding in found.values()):
        from producer.cli.findings import tell_findings

        tell_findings(producer.findings)


def _tell_lacking(wanted: Sequence[JobSpec]) -> None:
    from producer.cli.lacking import tell_lacking

    tell_lacking(wanted)


@resting_collector()
def _read(store: Store, ids: Sequence[str], output: str) -> list[Job]:
    """The jobs as they stand now; JSON shows their specs."""
    return store.many(ids) if output == "table" else store.whole(ids)


def _progress(specs: Sequence[JobSpec], known: Mapping[str, Path]) -> AbstractContextManager[Any]:
    """A spinner while large data goes to the artifact store, where somebody sees it."""
    sources = {spec.dataset.source for spec in specs}
    files = {path for source in sources if (path := known.get(source) or local_file(source)) is not None}
    size = sum(path.stat().st_size for path in files)
    if size <= LARGE_BYTES or not sys.stderr.isatty():
        return nullcontext()
    return console(err=True).status(f"{size / 1e6:.0f} MB of data are checked and put into the artifact store")


def _print(jobs: Sequence[Job], stored: Sequence[SubmittedJob], output: str) -> None:
    created = {one.id: one.created for one in stored}
    if output != "table":
        emit_all((job_json(job, created=created[job.id]) for job in jobs), output)
        return
    rows: list[list[str | Text]] = [
        [job.id, printable(job.name), rail.state(job), "new" if created[job.id] else "known"] for job in jobs
    ]
    print_table(["JOB", "NAME", "STATE", ""], rows)
    names = sorted({job.batch for job in jobs if job.batch})
    say(f"batch {', '.join(names)}")


def _tell_ended(jobs: Sequence[Job]) -> None:
    """Of jobs found under their key that will not go on by themselves: what to do."""
    for job in jobs:
        if job.state is JobState.FAILED:
            say(f"{job.id} is known and failed: hintrelay retry {job.id} takes it up again")
        elif job.state is JobState.CANCELLED:
            say(f"{job.id} is known and cancelled: submit it under another --key to start it anew")


def _tell_budget(producer: Producer, jobs: Sequence[Job], budget: int | None) -> None:
    """A budget that the batch has already stays: the same submit once more must not take back what was raised."""
    for batch in dict.fromkeys(job.batch for job in jobs) if budget is not None else ():
        limit = producer.purse.budget(batch).limit
        words = "none" if limit is None else spoken(limit)
        if limit == budget:
            say(f"batch {batch} may cost {words}; hintrelay budget {batch} shows what is left")
        else:
            say(f"batch {batch} keeps its budget ({words}); hintrelay budget {batch} USD changes it")


def _footer(jobs: Sequence[Job]) -> None:
    first = jobs[0].id if len(jobs) == 1 else ""
    say()
    say(f"hintrelay watch {first}".ljust(34) + "see them move")
    say(f"hintrelay show {jobs[0].id}".ljust(34) + "all about one")
    say("hintrelay pending".ljust(34) + "what waits for you")
