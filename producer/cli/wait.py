"""wait: until jobs have ended, or stand where they are wanted."""

from __future__ import annotations

from collections.abc import Sequence

import click

from common.errors import Exit
from common.job import Job
from common.states import JobState
from common.view import job_json
from producer.cli.batches import batch_option, chosen
from producer.cli.context import Tools, pass_tools
from producer.cli.jobs import SHOWN, print_jobs
from producer.cli.output import emit_all, leave, output_option, say
from producer.cli.patience import JobReader, duration
from producer.cli.verdict import final, settled, verdict

#: fields that tell whether a job has arrived, or needs a person: of many thousands no more is held
STANDING = ("id", "v", "state", "wish", "lease_until", "not_before", "held", "refusal", "deployment", "mode")


@click.command()
@click.argument("jobs", nargs=-1, metavar="JOB...|all")
@batch_option("Instead of JOB...: every job of this batch.")
@click.option(
    "--for", "goal", type=click.Choice([str(s) for s in JobState]), default="succeeded", help="Wait for this."
)
@click.option("--timeout", callback=duration, help="Give up after so long: 90s, 30m, 2h.")
@output_option
@pass_tools
def wait(tools: Tools, jobs: Sequence[str], batch: str | None, goal: str, timeout: float | None, output: str) -> None:
    """Wait until jobs have ended; the exit code says how.

    0: all succeeded (or reached --for). 100: some failed. 103: some were cancelled, none failed.
    101: not finished at the timeout. 104: all that is unfinished waits for a person; without
    --timeout this ends the waiting at once, with it only when the time is over.
    `all` means every job there is. A table shows the last 50 of them, JSON has all.
    """
    ids = job_ids(tools, jobs, batch)
    try:
        code, known = await_jobs(tools, ids, JobState(goal), timeout)
    except KeyboardInterrupt:
        say(f"stopped waiting; the job{'s go' if len(ids) > 1 else ' goes'} on")
        leave(Exit.INTERRUPTED)
    _print(tools, ids if known else [], output)
    leave(code)


def _print(tools: Tools, ids: Sequence[str], output: str) -> None:
    """The jobs as they stand now."""
    store = tools.producer.store
    if output != "table":
        emit_all(map(job_json, store.each(ids)), output)
    elif ids:
        print_jobs(store.many(ids[-SHOWN:]))
        if len(ids) > SHOWN:
            say(f"and {len(ids) - SHOWN} before these; -o json has all")
    else:
        say("there are no jobs")


def job_ids(tools: Tools, refs: Sequence[str], batch: str | None = None) -> list[str]:
    """The ids that prefixes mean; of `all` every job's, of a batch its jobs'."""
    every = chosen(tools, refs, batch)
    if every is not None:
        return every
    return list(dict.fromkeys(tools.producer.store.resolve(ref) for ref in refs))


def await_jobs(tools: Tools, ids: Sequence[str], goal: JobState, timeout_s: float | None) -> tuple[Exit, bool]:
    """(how it ended, whether the jobs were seen)."""
    reader = JobReader(tools, ids, STANDING)
    until = None if timeout_s is None else tools.clock() + timeout_s
    told: set[str] = set()
    while True:
        jobs = reader.look()
        code = Exit.NOT_FINISHED if jobs is None else verdict(jobs, goal)
        over = until is not None and tools.clock() >= until
        if jobs is not None and (over or final(code, people_may_come=until is not None)):
            return code, True
        if over:
            return code, False
        _tell(jobs or [], goal, told)
        reader.rest(until)


def _tell(jobs: Sequence[Job], goal: JobState, told: set[str]) -> None:
    """Once for each job that is settled while others are not."""
    for job in jobs:
        if settled(job, goal) and job.id not in told:
            told.add(job.id)
            say(f"{job.id} is {job.state}")
