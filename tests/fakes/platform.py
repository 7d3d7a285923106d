"""A fake of the Platform port: a dict of runs and files, with the faults that the paid call can meet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from common.errors import HintrelayError
from common.money import Estimate
from common.quotes import Quote
from common.spec import FinetuneSpec
from worker.ports import Absent, FileStatus, InDoubt, Progress, Request, Run, RunStatus


class Killed(BaseException):
    """The process was killed here: nothing after this line of it happens."""


class FakePlatform:
    """`faults` are taken one a paid call: 'reset_before', 'reset_after', 'kill_before', 'kill_after', or an error."""

    name = "fake://platform"

    def __init__(self) -> None:
        self.files: dict[str, tuple[FileStatus, str]] = {}
        self.run_by_id: dict[str, Run] = {}
        self.faults: list[str | HintrelayError] = []
        self.hidden: set[str] = set()  #: runs that the list does not show yet
        self.calls: list[str] = []
        self.estimates: dict[str, float] = {}
        self.list_fault: HintrelayError | None = None
        self.quoted = Quote(Estimate(1_000_000, 1000, "platform"))
        self.on_stop: Callable[[str], None] = self.cancel

    # ---- the port ----

    def upload(self, path: Path, progress: Progress) -> str:
        self.calls.append("upload")
        data = path.read_bytes()
        progress(len(data), len(data))
        file_id = "file-" + hashlib.sha256(data).hexdigest()[:8]
        self.files.setdefault(file_id, (FileStatus.VALID, ""))
        return file_id

    def check_file(self, file_id: str) -> tuple[FileStatus, str]:
        self.calls.append("check_file")
        if file_id not in self.files:
            raise Absent(f"no file {file_id}")
        return self.files[file_id]

    def runs(self) -> list[Run]:
        self.calls.append("runs")
        if self.list_fault:
            raise self.list_fault
        shown = [run for run in self.run_by_id.values() if run.id not in self.hidden]
        return [replace(run, words="", restarted_as="", object_id="") for run in shown]

    def left_s(self, run_id: str) -> float | None:
        return self.estimates.get(run_id)

    def run(self, run_id: str) -> Run:
        self.calls.append("run")
        if run_id not in self.run_by_id:
            raise Absent(f"no run {run_id}")
        return self.run_by_id[run_id]

    def losses(self, run_id: str) -> dict[str, list[list[float]]]:
        self.run(run_id)
        return {"train": [[1.0, 2.0], [2.0, 1.5]], "eval": [[2.0, 1.6]]}

    def run_request(self, wanted: FinetuneSpec, file_id: str, marker: str) -> Request:
        return {"marker": marker, "file_id": file_id, "model": wanted.model}

    def quote(self, wanted: FinetuneSpec, file_id: str) -> Quote:
        self.calls.append("quote")
        return self.quoted

    def start_run(self, request: Request) -> str:
        fault = self.faults.pop(0) if self.faults else None
        self.calls.append("start_run")
        if isinstance(fault, HintrelayError):
            raise fault
        if fault in {"reset_before", "kill_before"}:
            raise Killed if fault == "kill_before" else InDoubt("connection reset")
        run_id = self.add_run(**request)
        if fault in {"reset_after", "kill_after"}:
            raise Killed if fault == "kill_after" else InDoubt("connection reset")
        return run_id

    def stop_run(self, run_id: str) -> None:
        self.calls.append("stop_run")
        self.on_stop(run_id)

    # ---- what tests do to it ----

    def add_run(
        self, marker: str, *, file_id: str = "file-1", model: str = "m", status: RunStatus = RunStatus.ACTIVE
    ) -> str:
        run_id = f"ft-{len(self.run_by_id) + 1:08d}"
        word = {RunStatus.ACTIVE: "running", RunStatus.DONE: "completed", RunStatus.FAILED: "error"}.get(status, status)
        self.run_by_id[run_id] = Run(
            run_id,
            status,
            word,
            suffix=marker,
            model=model,
            training_file=file_id,
            created=f"{len(self.run_by_id):04d}",
        )
        return run_id

    def change(self, run_id: str, status: RunStatus, word: str, **more: object) -> None:
        self.run_by_id[run_id] = replace(self.run_by_id[run_id], status=status, word=word, **more)  # type: ignore[arg-type]  # fields of Run

    def complete(self, run_id: str, output_name: str = "acme/tuned") -> None:
        self.change(run_id, RunStatus.DONE, "completed", output_name=output_name)

    def cancel(self, run_id: str) -> None:
        if self.run_by_id[run_id].status is RunStatus.ACTIVE:
            self.change(run_id, RunStatus.CANCELLED, "cancelled")

    def kept(self) -> list[str]:
        """Runs that cost money to the end: all that were not cancelled."""
        return [run.id for run in self.run_by_id.values() if run.status is not RunStatus.CANCELLED]
