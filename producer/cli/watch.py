"""watch: one live line for each job on a TTY; elsewhere one line for each event."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from common.errors import Exit
from common.events import Event
from common.job import Job
from common.printable import printable
from common.states import FINISHED, JobState
from producer.cli import rail
from producer.cli.batches import batch_option
from producer.cli.context import Tools, pass_tools
from producer.cli.events import Printer
from producer.cli.output import leave, output_option, say
from producer.cli.patience import JobReader, duration, follow
from producer.cli.verdict import final, verdict
from producer.cli.wait import job_ids

RESTING = {str(state) for state in FINISHED} | {str(JobState.TRAINED)}  #: where a job may stay


@click.command()
@click.argument("jobs", nargs=-1, metavar="[JOB...]")
@batch_option("Instead of JOB...: every job of this batch.")
@click.option("--timeout", callback=duration, help="Stop watching after so long: 90s, 30m, 2h.")
@output_option
@pass_tools
def watch(tools: Tools, jobs: Sequence[str], batch: str | None, timeout: float | None, output: str) -> None:
    """Watch jobs as they move, until they have ended.

    Without JOB: all that have not ended. Exit codes as of `wait`; on a terminal it stays while a job
    waits for a person. Off a terminal: one line for each event. With -o jsonl one event a line, with -o json an
    array of them at the end; both begin with the latest event of each job, which tells where it stands.
    """
    ids = job_ids(tools, jobs, batch) if jobs or batch is not None else tools.producer.store.unfinished()
    if not ids:
        say("no job is on its way")
        return
    leave(watch_jobs(tools, ids, timeout, output))


def watch_jobs(tools: Tools, ids: Sequence[str], timeout_s: float | None, output: str) -> Exit:
    """Watch until the end; the exit code. `output` talk: the lines go to stderr."""
    until = None if timeout_s is None else tools.clock() + timeout_s
    try:
        if output == "table" and sys.stdout.isatty():
            from producer.cli.live import watch_live

            code = watch_live(tools, ids, until)
        else:
            with Printer(output) as printer:
                code = watch_events(tools, ids, until, output, printer)
    except KeyboardInterrupt:
        say(f"stopped watching; the job{'s go' if len(ids) > 1 else ' goes'} on")
        return Exit.INTERRUPTED
    if code is Exit.NEEDS_A_PERSON:
        say("all that is unfinished waits for you: hintrelay pending says for what")
    return code


def watch_events(tools: Tools, ids: Sequence[str], until: float | None, output: str, printer: Printer) -> Exit:
    """One line for each event of these jobs, as it happens."""
    after = tools.producer.events_log.last_id()
    reader = JobReader(tools, ids)
    jobs = reader.look() or []
    names = {job.id: job.name for job in jobs}
    stands = {job.id: str(job.state) for job in jobs}
    if output in {"json", "jsonl"}:
        _begin(tools, jobs, after, printer)
    else:
        _introduce(jobs, output)
    if final(code := verdict(jobs), people_may_come=until is not None):
        return code
    for event in follow(tools, after):
        if event is not None and event.job in names:
            _line(event, output, names[event.job], printer)
            stands[event.job] = event.to or stands[event.job]
        over = until is not None and tools.clock() >= until
        if over or event is None or (event.job in names and RESTING.issuperset(stands.values())):
            code = verdict(reader.look() or jobs)
            if over or final(code, people_may_come=until is not None):
                return code
    return code


def _begin(tools: Tools, jobs: Sequence[Job], after: str, printer: Printer) -> None:
    """The latest event of each job up to entry `after`; those that follow come as they happen."""
    if not jobs:
        return
    latest: dict[str, Event] = {}
    since = min(job.created for job in jobs)
    for event in tools.producer.events_log.of_jobs({job.id for job in jobs}, since_ms=since):
        if _order(event.id) > _order(after):
            break
        latest[event.job] = event
    for job in jobs:
        if job.id in latest:
            printer.add(latest[job.id])


def _introduce(jobs: Sequence[Job], output: str) -> None:
    """Where the jobs stand when the watching begins."""
    for job in jobs:
        line = f"{job.id}  {printable(job.name)}  {job.state}: {rail.sentence(job)}"
        click.echo(line, err=output != "table")


def _order(entry_id: str) -> tuple[int, int]:
    ms, _, number = entry_id.partition("-")
    return int(ms), int(number or 0)


def _line(event: Event, output: str, name: str, printer: Printer) -> None:
    if output == "talk":
        say(f"{event.job}  {printable(name)}  {event.type}")
    else:
        printer.add(event, name)
        sys.stdout.flush()
