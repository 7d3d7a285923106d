"""The live view of `watch`: one line for each job, redrawn in place."""

from __future__ import annotations

from collections.abc import Sequence

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from common.errors import Exit
from common.job import Job
from common.printable import printable
from common.states import JobState
from common.view import job_json
from producer.cli import rail
from producer.cli.context import Tools
from producer.cli.output import LEAST, LEAST_OF_LAST, console, say
from producer.cli.patience import JobReader
from producer.cli.verdict import verdict

BAR_WIDTH, ID_WIDTH, RAIL_WIDTH = 14, 8, 6
ENDED = {Exit.DONE, Exit.SOME_FAILED, Exit.CANCELLED}


def watch_live(tools: Tools, ids: Sequence[str], until: float | None) -> Exit:
    """Until all have ended, or the time is over; it stays while a person is wanted."""
    reader = JobReader(tools, ids)
    screen = console()
    with Live(console=screen, refresh_per_second=8, transient=False) as live:
        while True:
            jobs = reader.look()
            code = Exit.NOT_FINISHED if jobs is None else verdict(jobs)
            if jobs is not None:
                live.update(draw(jobs, screen.height - 2, screen.width))
            if code in ENDED or (until is not None and tools.clock() >= until):
                break
            reader.rest(until)
    if code is Exit.DONE:
        say("all succeeded; hintrelay results JOB prints the hints and scores")
    return code


def draw(jobs: Sequence[Job], height: int, width: int = 150) -> Table:
    """The table for a screen of `height` lines; where they are too few, jobs that have ended give way.

    On a narrow one the rail gives way, then names are cut, then the sentences; ids and states never are.
    """
    room = max(3, height)
    shown = sorted(jobs, key=lambda job: job.finished)[: room - 1] if len(jobs) > room else jobs
    table = Table.grid(padding=(0, 2), pad_edge=False, expand=True)
    names = max((_name(job).cell_len for job in shown), default=0)
    spare = width - ID_WIDTH - BAR_WIDTH - 6 - LEAST_OF_LAST
    wide = spare >= names + RAIL_WIDTH + 2
    table.add_column(no_wrap=True, min_width=ID_WIDTH)
    table.add_column(no_wrap=True, overflow="ellipsis", width=min(names, max(LEAST["NAME"], spare)))
    if wide:
        table.add_column(no_wrap=True, min_width=RAIL_WIDTH)
    table.add_column(no_wrap=True, min_width=BAR_WIDTH)
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for job in shown:
        way = [rail.coloured(job)] if wide else []
        table.add_row(job.id, _name(job), *way, _bar(job), _sentence(job))
    if len(shown) < len(jobs):
        table.caption = Text(f"and {len(jobs) - len(shown)} more", "dim")
        table.caption_justify = "left"
    return table


def _name(job: Job) -> Text:
    name = Text(printable(job.name))
    name.truncate(36, overflow="ellipsis")
    return name


def _bar(job: Job) -> ProgressBar | Text | str:
    """Bytes of an upload, questions of a generation, epochs of a training; else the state."""
    share = _share(job)
    if share is None:
        return rail.state(job)
    return ProgressBar(total=100, completed=100 * share, width=BAR_WIDTH)


def _share(job: Job) -> float | None:
    work = job_json(job)["work"]
    if work:
        return min(1.0, float(work["done"]) / max(1.0, float(work["total"])))
    progress = job.facts.get("progress") or {}
    if job.state is JobState.TRAINING and progress.get("epochs_total"):
        return min(1.0, float(progress.get("epochs") or 0) / float(progress["epochs_total"]))
    return None


def _sentence(job: Job) -> Text:
    return Text(rail.brief(job), "dim" if job.finished else "")
