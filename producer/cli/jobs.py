"""ls, show, pending: what there is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from common.durations import spoken
from common.job import Job, iso
from common.printable import printable
from common.states import JobState
from common.view import job_json
from common.waiting import command_for, needs_a_person, waiting
from producer.cli import rail, scores
from producer.cli.batches import batch_option
from producer.cli.context import Tools, pass_tools
from producer.cli.output import emit, emit_all, output_option, print_facts, print_table, say
from producer.cli.words import word

if TYPE_CHECKING:
    from rich.text import Text

    from common.records import Records

SHOWN = 50  #: rows of a table; more are named by their number


@click.command()
@click.option("--state", type=click.Choice([str(s) for s in JobState]), help="Only jobs in this state.")
@batch_option("Only jobs of this batch.")
@click.option("--limit", type=click.IntRange(min=1), help=f"Only the newest N; tables show {SHOWN} without it.")
@output_option
@pass_tools
def ls(tools: Tools, state: str | None, batch: str | None, limit: int | None, output: str) -> None:
    """List the jobs.

    The newest come first in a table; JSON has all of them, the oldest first, written as they are read. With
    --state of an end (succeeded, failed, cancelled) the newest is the one that ended last.
    """
    store = tools.records
    wanted = JobState(state) if state else None
    limit = limit or (SHOWN if output == "table" else None)
    count, ids = _chosen(store, wanted, batch, limit)
    found = (job for job in store.each(ids) if wanted in {None, job.state})
    if output != "table":
        emit_all(map(job_json, found), output)
        return
    jobs = list(found)
    if not jobs:
        say(
            f"no job {f'of {batch} ' if batch else ''}is {state}"
            if state
            else "there are no jobs yet; hintrelay submit SPEC makes some"
        )
        return
    print_jobs(jobs[::-1])
    if count > len(ids):
        say(f"and {count - len(ids)} older; --limit {count} shows them")


def _chosen(store: Records, state: JobState | None, batch: str | None, limit: int | None) -> tuple[int, list[str]]:
    """(how many jobs there are, ids of the newest of them, oldest first): no more is read than is shown."""
    if batch is None:
        return (store.size(state), store.ids(state, newest=limit)) if limit else (0, store.ids(state))
    ids = store.batch(batch)  # raises NotFound
    ids = ids if state is None else store.ids_in(batch, state)
    return len(ids), ids[-limit:] if limit else ids


def print_jobs(jobs: Sequence[Job]) -> None:
    """The table of jobs, in their order."""
    now = time.time() * 1000
    rows: list[list[str | Text]] = [
        [
            job.id,
            printable(job.name),
            rail.coloured(job),
            rail.state(job),
            spoken((now - job.created) / 1000),
            rail.brief(job),
        ]
        for job in jobs
    ]
    print_table(["JOB", "NAME", "WAY", "STATE", "AGE", "WAITING"], rows, gives_way=("AGE", "WAY"))


@click.command()
@click.argument("job")
@output_option
@pass_tools
def show(tools: Tools, job: str, output: str) -> None:
    """Show all that is known of one job."""
    found = tools.records.get(tools.records.resolve(job))
    if output != "table":
        emit(job_json(found), output)
        return
    print_facts((name, value) for name, value in _facts(found) if value)


def _facts(job: Job) -> list[tuple[str, str | Text]]:
    view = job_json(job)
    facts: list[tuple[str, str | Text]] = [
        ("job", job.id),
        ("name", printable(job.name)),
        ("batch", job.batch),
        ("way", rail.spelled(job)),
        ("state", rail.state(job)),
        ("now", rail.sentence(job)),
        ("attempt", f"{job.attempt} of {job.max_attempts}"),
        ("key", printable(job.key)),
        ("deployment", printable(job.deployment or "")),
    ]
    for group in ("platform", "cost", "error", "counts", "unavailable"):
        facts += [(f"{group}.{name}", word(value)) for name, value in (view.get(group) or {}).items()]
    facts += [("baseline", printable(view["baseline"] or "")), *scores.lines(job)]
    facts += [(name, view[f"{name}_at"]) for name in ("created", "updated", "deadline")]
    return facts + [(f"spec.{name}", word(value)) for name, value in (view.get("spec") or {}).items()]


@click.command()
@batch_option("Only jobs of this batch.")
@output_option
@pass_tools
def pending(tools: Tools, batch: str | None, output: str) -> None:
    """List the jobs that wait for a person, and what to type."""
    store = tools.records
    ids = [i for state in (JobState.UPLOADED, JobState.TRAINED) for i in _chosen(store, state, batch, None)[1]]
    jobs = [job for job in store.each(ids) if needs_a_person(job)]
    if output != "table":
        emit_all(map(_pending_json, jobs), output)
        return
    if not jobs:
        say("no job waits for a person")
        return
    for job in jobs:
        command = command_for(job)
        since = (waiting(job) or "").removesuffix(command).rstrip(": ")
        click.echo(f"{job.id}  {printable(job.name)}  {printable(since)}")
        if model := job.facts.get("output_name"):
            click.echo(f"  model  {printable(str(model))}")
        click.echo(f"  $ {command}")


def _pending_json(job: Job) -> dict[str, Any]:
    return {
        "job": job.id,
        "name": job.name,
        "model": job.facts.get("output_name"),
        "since": iso(job.since),
        "waiting": waiting(job),
        "command": command_for(job),
    }
