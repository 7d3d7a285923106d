"""Equal data is prepared once, for all jobs: who comes first does it, the others take what it made."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.artifacts import measure
from common.dataset import is_name
from common.job import Job, Pointer
from common.prompts import training_row
from worker.ports import Desk, Ports
from worker.shared import Busy, Turn, fingerprint

if TYPE_CHECKING:
    from common.spec import JobSpec

VERSION = 1  #: of what is made: a change of how rows are chosen, or written, needs a new one
PATIENCE_S, STEP_S = 1.0, 0.1  #: small data is there in a moment, and is waited for here

Fetch = Callable[[], AbstractContextManager[Path]]
Made = dict[str, Any]  #: facts of the record: `training`, `questions`, `counts`


def prepared_once(job: Job, ports: Ports, desk: Desk, folder: Path, make: Callable[[Path, Turn], Made]) -> Made:
    """What `make` makes of a data set's file, by this job or an earlier one. Raises Busy while another job is at it:
    this one is woken when that is done. A crash of the one that is at it costs its lease, or a minute."""
    known, fetch = _data(job, ports, folder)
    name = f"prepare:{_key(known, job.spec)}"
    found = _found(name, ports, desk)
    if found is None and not desk.alone(name):
        found = _awaited(name, job, ports, desk)
    if found is None:
        found = _found(name, ports, desk) or _make(name, desk, fetch, make)
    return found


def _make(name: str, desk: Desk, fetch: Fetch, make: Callable[[Path, Turn], Made]) -> Made:
    turn = Turn(desk, name)
    try:
        with fetch() as data:
            made = make(data, turn)
    except Exception:
        desk.not_alone(name)  # it failed, or is given back: the next one need not wait
        raise
    desk.share(f"made:{name}", {"facts": json.dumps(made)})
    desk.wake(desk.shared(f"waits:{name}"))
    desk.unshare(f"waits:{name}")
    return made


def _awaited(name: str, job: Job, ports: Ports, desk: Desk) -> Made:
    for _ in range(int(PATIENCE_S / STEP_S)):
        found = _found(name, ports, desk)
        if found is not None:
            return found
        ports.sleep(STEP_S)
    desk.share(f"waits:{name}", {job.id: ""})
    found = _found(name, ports, desk)  # it may be done since, and have woken those that it knew of
    if found is None:
        raise Busy
    return found


def _found(name: str, ports: Ports, desk: Desk) -> Made | None:
    raw = desk.shared(f"made:{name}").get("facts")
    if raw is None:
        return None
    made: Made = json.loads(raw)
    if all(ports.artifacts.has(Pointer(**made[file])) for file in ("training", "questions")):
        return made
    desk.unshare(f"made:{name}")  # deleted: it is made again
    return None


def _data(job: Job, ports: Ports, folder: Path) -> tuple[str, Fetch]:
    """(what tells the data from other data, how to get its file): from where `submit` put it; else from HintEval by
    name, or from this machine's disk or a URL, whose content may be another one each time."""
    pointer, source = job.pointer("data"), job.spec.dataset.source
    if pointer:
        return pointer.sha256, lambda: ports.artifacts.reading(pointer, folder)
    if is_name(source):
        return f"hinteval {source}", lambda: nullcontext(ports.datasets.download(source, folder))
    path = ports.datasets.fetch(source, folder)
    return measure(path).sha256, lambda: nullcontext(path)


def _key(known: str, spec: JobSpec) -> str:
    """Equal where the outcome is: data, subsets, limit, seed, gates, and the form of a row, its prompt in it."""
    probe = training_row(spec.finetune.format, "question", "answer", ["hint"])
    dataset = spec.dataset.model_dump(mode="json", exclude={"source"})
    return fingerprint(VERSION, known, dataset, probe)
