"""How far a job has come, drawn; and what there is to say about it in one sentence."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from common.job import Job
from common.printable import printable
from common.states import JobState
from common.waiting import command_for, needs_a_person, waiting
from producer.cli.output import plain

if TYPE_CHECKING:
    from rich.text import Text

LEGS = ("data", "file", "train", "deploy", "hints", "score")
#: state, or the stage that failed -> how many legs are behind the job
BEHIND = {
    **{"accepted": 0, "prepared": 1, "uploaded": 2, "training": 2, "trained": 3, "deployed": 4, "generated": 5},
    **{"succeeded": 6, "prepare": 0, "upload": 1, "finetune": 2, "generate": 4, "evaluate": 5},
}
SCORES_SHOWN = 3  #: metrics in a line of `ls`
MARKS = {"done": "●", "now": "◐", "bad": "✗", "todo": "○"}
PLAIN_MARKS = {"done": "#", "now": ">", "bad": "x", "todo": "."}
LEG_STYLES = {"done": "green", "now": "bold cyan", "bad": "bold red", "todo": "dim"}
STATE_STYLES = {JobState.SUCCEEDED: "green", JobState.FAILED: "bold red", JobState.CANCELLED: "magenta"}


def legs(job: Job) -> list[str]:
    """done, now, bad or todo, for each of LEGS."""
    ended_badly = job.state in {JobState.FAILED, JobState.CANCELLED}
    word = str((job.error or {}).get("stage")) if ended_badly else str(job.state)
    behind = BEHIND[word] if word in BEHIND else _came_to(job)
    here = ["bad" if ended_badly else "now"] if behind < len(LEGS) else []
    return ["done"] * behind + here + ["todo"] * (len(LEGS) - behind - len(here))


def _came_to(job: Job) -> int:
    """Legs behind a job that was ended between stages, by what its record holds."""
    marks = (("hints", 5), ("output_name", 3), ("file_id", 2), ("run_id", 2), ("training", 1))
    return next((behind for name, behind in marks if job.facts.get(name)), 0)


def compact(job: Job) -> str:
    """Six marks, such as ●●◐○○○; in ASCII where stdout is not UTF-8."""
    stream = getattr(sys.stdout, "rich_proxied_file", sys.stdout)  # a live view stands before the real one
    utf8 = (getattr(stream, "encoding", None) or "").lower().startswith("utf")
    marks = MARKS if utf8 else PLAIN_MARKS
    return "".join(marks[leg] for leg in legs(job))


def coloured(job: Job) -> Text | str:
    """The same with colours, for a TTY."""
    marks = compact(job)
    if plain(sys.stdout):
        return marks
    from rich.text import Text

    return Text.assemble(*((mark, LEG_STYLES[leg]) for mark, leg in zip(marks, legs(job), strict=True)))


def spelled(job: Job) -> Text | str:
    """data > file > [train] > deploy > hints > score, coloured; in brackets where the job is, or where it ended."""
    parts = [
        (f"[{name}]" if leg in {"now", "bad"} else name, LEG_STYLES[leg])
        for name, leg in zip(LEGS, legs(job), strict=True)
    ]
    if plain(sys.stdout):
        return " > ".join(name for name, _ in parts)
    from rich.text import Text

    return Text(" > ", "dim").join(Text(name, style) for name, style in parts)


def state(job: Job) -> Text | str:
    """The state's word in its colour; yellow where a person is wanted."""
    if plain(sys.stdout):
        return str(job.state)
    from rich.text import Text

    return Text(str(job.state), "bold yellow" if needs_a_person(job) else STATE_STYLES.get(job.state, "cyan"))


def sentence(job: Job) -> str:
    """What the job waits for, or how it ended."""
    if job.state is JobState.SUCCEEDED:
        return scores(job) or "done"
    if job.finished:
        error = job.error or {}
        return printable(" ".join(str(error.get("message") or job.state).split()))
    return printable(waiting(job) or "")


def standing(job: Job) -> str:
    """Where the job stands, as a clause: `it waits for ...`, `evaluate is at work on ...`, `it is failed: ...`."""
    words = sentence(job)
    if job.finished:
        return f"it is {job.state}" if words in {"", str(job.state)} else f"it is {job.state}: {words}"
    return f"it {words}" if words.startswith("waits ") else words


def brief(job: Job) -> str:
    """The same where there is little room: what to type comes first."""
    words, command = sentence(job), command_for(job)
    return f"{words.partition(': ')[0]}: {command}" if words.endswith(command) else words


def scores(job: Job) -> str:
    """The first means, such as `rouge1 0.212, rougeL 0.190`; `show` has all."""
    means = {name: value.get("mean") for name, value in (job.facts.get("scores") or {}).items()}
    told = [f"{name} {mean:.3f}" for name, mean in means.items() if mean is not None]
    more = [f"{len(told) - SCORES_SHOWN} more"] if len(told) > SCORES_SHOWN else []
    return ", ".join(told[:SCORES_SHOWN] + more)
