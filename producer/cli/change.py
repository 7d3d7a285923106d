"""deploy, cancel, retry: what people do to jobs that exist."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from common.changes import Changed
from common.errors import Conflict, HintrelayError
from common.job import Job
from common.printable import printable
from common.states import JobState
from common.view import job_json
from producer.cli import rail
from producer.cli.batches import ALL, batch_option, chosen
from producer.cli.context import Tools, pass_tools
from producer.cli.failures import complain, describe
from producer.cli.output import emit, emit_all, leave, output_option, print_table, say

if TYPE_CHECKING:
    from rich.text import Text


@click.command()
@click.argument("job")
@click.argument("name")
@output_option
@pass_tools
def deploy(tools: Tools, job: str, name: str, output: str) -> None:
    """Register the NAME under which a job's model answers.

    Early, late and twice are fine.
    """
    found = tools.producer.register_deployment(job, name)
    if output != "table":
        emit(job_json(found), output)
        return
    click.echo(f"{found.id}  {printable(found.name)}  answers under {printable(name)}")
    say(rail.standing(found))
    _tell_lost(tools)


@click.command()
@click.argument("jobs", nargs=-1, metavar="JOB...|all")
@batch_option("Instead of JOB...: every job of this batch that has not ended.")
@output_option
@pass_tools
def cancel(tools: Tools, jobs: Sequence[str], batch: str | None, output: str) -> None:
    """Cancel jobs, their runs on the platform too.

    `all` means every job that has not ended.
    """
    every = chosen(tools, jobs, batch, tools.producer.store.unfinished)
    if every is None:
        changed = _one_by_one(jobs, tools.producer.cancel)
    else:
        ids = _those(tools, every, lambda job: not job.finished)
        changed = list(zip(ids, tools.producer.cancel_all(ids), strict=True))
    _tell(tools, changed, every is not None, output, "no job of these is unfinished")


@click.command()
@click.argument("jobs", nargs=-1, metavar="JOB...|all")
@batch_option("Instead of JOB...: every job of this batch that has failed.")
@click.option("--failed", is_flag=True, help="Leave out jobs that have not failed; alone: every failed job.")
@output_option
@pass_tools
def retry(tools: Tools, jobs: Sequence[str], batch: str | None, failed: bool, output: str) -> None:
    """Take failed jobs up again from the stage that failed.

    What was paid is kept. `all` means every job that has failed.
    """
    failures = partial(tools.producer.store.ids, JobState.FAILED)
    every = chosen(tools, [ALL] if failed and not jobs and batch is None else jobs, batch, failures)
    if every is None and failed:
        every = [tools.producer.store.resolve(ref) for ref in jobs]
    if every is None:
        changed = _one_by_one(jobs, tools.producer.retry)
    else:
        ids = _those(tools, every, lambda job: job.state is JobState.FAILED)
        changed = list(zip(ids, tools.producer.retry_all(ids), strict=True))
    _tell(tools, changed, every is not None, output, "no job of these has failed")


def _those(tools: Tools, ids: Sequence[str], admits: Callable[[Job], bool]) -> list[str]:
    return [job.id for job in tools.producer.store.each(ids, ("id", "v", "state")) if admits(job)]


def _one_by_one(refs: Sequence[str], act: Callable[[str], Job]) -> list[tuple[str, Changed]]:
    """Every one is tried."""
    changed: list[tuple[str, Changed]] = []
    for ref in dict.fromkeys(refs):
        try:
            changed.append((ref, act(ref)))
        except HintrelayError as exc:
            changed.append((ref, exc))
    return changed


def _tell(tools: Tools, changed: Sequence[tuple[str, Changed]], lenient: bool, output: str, none: str) -> None:
    """The exit code is that of the first error. `none` is told where there was nothing to do."""
    jobs = [job for _, job in changed if isinstance(job, Job)]
    errors = [
        (ref, exc)
        for ref, exc in changed
        if isinstance(exc, HintrelayError) and not (lenient and isinstance(exc, Conflict))  # it has ended meanwhile
    ]
    if errors and len(changed) == 1:
        raise errors[0][1]
    _print(jobs, errors, output, none)
    _tell_lost(tools)
    if errors:
        leave(describe(errors[0][1])[0])


def _print(jobs: Sequence[Job], errors: Sequence[tuple[str, HintrelayError]], output: str, none: str) -> None:
    if output != "table":
        bad: list[dict[str, Any]] = [{"job": ref, "error": describe(exc)[1]} for ref, exc in errors]
        emit_all([*map(job_json, jobs), *bad], output)
        return
    if jobs:
        rows: list[list[str | Text]] = [
            [job.id, printable(job.name), rail.state(job), rail.sentence(job)] for job in jobs
        ]
        print_table(["JOB", "NAME", "STATE", "WAITING"], rows)
    elif not errors:
        say(none)
    for _, exc in errors:
        complain(describe(exc)[1])


def _tell_lost(tools: Tools) -> None:
    if tools.producer.commands.nudge_lost is not None:
        say("the broker cannot be reached just now: it is stored, and the tick will see to it")
