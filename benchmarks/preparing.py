"""A process that runs one stage of one job: `python -m benchmarks.preparing JOB STAGE`. Prints time and memory."""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import resource
import sys
import threading
import time
from pathlib import Path

import psutil

from benchmarks.roads import quick_ports
from common import logs, settings
from worker.bootstrap import build
from worker.stopping import StopFlag

LOOK_S = 0.02  #: between two looks at the children


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job")
    parser.add_argument("stage")
    args = parser.parse_args()
    found = settings.load()
    logs.configure(found)
    importlib.import_module("worker.adapters.together")  # what an idle worker has imported counts as idle
    machine = build(found, ["hints"], StopFlag(), quick_ports(found, "real"))
    gc.collect()
    idle = psutil.Process().memory_info().rss
    for name in ("common.spec", f"worker.stages.{args.stage}"):  # an idle worker has not, and imports are not counted
        importlib.import_module(name)
    cpu, began = _cpu_s(), time.perf_counter()
    with Children() as children:
        ran = machine.runner.run(args.job, args.stage)
    told = {
        "seconds": time.perf_counter() - began,
        "cpu_s": _cpu_s() - cpu,
        "above_mb": (_peak() - idle + sum(children.peaks.values())) / 1_000_000,
        "state": str(ran.state),
    }
    json.dump(told, sys.stdout)


class Children:
    """The most memory of its own that each process which this one starts has had, in bytes: what it shares with this
    one, the interpreter's files, is counted there."""

    def __init__(self) -> None:
        self.peaks: dict[int, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Children:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_S):
            for task in Path("/proc/self/task").glob("*/children"):
                for pid in map(int, task.read_text("ascii").split()):
                    self.peaks[pid] = max(self.peaks.get(pid, 0), _own(pid))


def _cpu_s() -> float:
    """CPU seconds of this process, and of those that it started and that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _own(pid: int) -> int:
    """Memory that a process shares with no other, in bytes; 0 of one that is gone, and of one whose program has not
    begun: until then its memory is this one's."""
    try:
        begun = Path(f"/proc/{pid}/cmdline").read_bytes() != Path("/proc/self/cmdline").read_bytes()
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines() if begun else []
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


def _peak() -> int:
    """The most memory that this process has had, in bytes. Linux's ru_maxrss begins with the parent's."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lines = status.read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
