"""upload: the training file to the platform, once for equal bytes, and the platform's own validation of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from common.job import Job, Pointer
from common.outcomes import Advance, Outcome, Reject, Snooze
from common.states import JobState
from worker.ports import Absent, Desk, FileStatus, Ports
from worker.shared import Turn

T = TypeVar("T")

PATIENCE_S = 3.0  #: what takes longer is waited for in `due`, not in a worker
STEP_S = 0.25
SNOOZE_S = 3.0


def upload(job: Job, ports: Ports, desk: Desk) -> Outcome:
    """A file is never deleted: another job may train on the same bytes."""
    pointer = job.pointer("training")
    assert pointer is not None, "a prepared job has a training file"
    file_id = job.facts.get("file_id") or _shared(pointer, ports, desk)
    if file_id is None:
        return Snooze(SNOOZE_S, "another job uploads the same bytes")
    desk.note(file_id=file_id)
    try:
        return _verdict(file_id, ports, desk)
    except Absent:  # it was deleted by hand, or the account is another one: send the bytes again
        desk.forget_file(pointer.sha256)
        desk.note(file_id=None)
        raise


def _shared(pointer: Pointer, ports: Ports, desk: Desk) -> str | None:
    """The id of these bytes on the platform, whoever uploads them; None while another job is at it."""
    known = desk.file_known(pointer.sha256)
    if known:
        return known
    name = f"upload:{pointer.sha256}"
    if not desk.alone(name):
        return _within(PATIENCE_S, lambda: desk.file_known(pointer.sha256), ports)
    known = desk.file_known(pointer.sha256)  # another job may have been done with it just before
    if known:
        return known
    try:
        file_id = _sent(pointer, Turn(desk, name), ports)
    except Exception:
        desk.not_alone(name)
        raise
    desk.remember_file(pointer.sha256, file_id)
    return file_id


def _sent(pointer: Pointer, turn: Turn, ports: Ports) -> str:
    def progress(done: int, total: int) -> None:
        turn.check()  # a large file takes longer than a turn lasts
        turn.progress(done, total)

    with ports.artifacts.scratch() as folder:
        return ports.platform.upload(ports.artifacts.local(pointer, ".jsonl", folder), progress)


def _verdict(file_id: str, ports: Ports, desk: Desk) -> Outcome:
    words = ""

    def settled() -> FileStatus | None:
        nonlocal words
        desk.check()
        status, words = ports.platform.check_file(file_id)
        return None if status is FileStatus.PENDING else status

    match _within(PATIENCE_S, settled, ports):
        case FileStatus.VALID:
            return Advance(JobState.UPLOADED, {"file_id": file_id})
        case FileStatus.INVALID:
            return Reject(f"the platform refuses the training file: {words}", code="invalid_file")
    return Snooze(SNOOZE_S, "the platform validates the training file")


def _within(patience_s: float, look: Callable[[], T | None], ports: Ports) -> T | None:
    for _ in range(int(patience_s / STEP_S)):
        seen = look()
        if seen is not None:
            return seen
        ports.sleep(STEP_S)
    return look()
