"""A process that runs one stage of one job: `python -m benchmarks.preparing JOB STAGE`. Prints time and memory."""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import resource
import sys
import time
from pathlib import Path

import psutil

from benchmarks.roads import quick_ports
from common import logs, settings
from worker.bootstrap import build
from worker.stopping import StopFlag


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
    cpu, began = time.process_time(), time.perf_counter()
    ran = machine.runner.run(args.job, args.stage)
    told = {
        "seconds": time.perf_counter() - began,
        "cpu_s": time.process_time() - cpu,
        "above_mb": (_peak() - idle) / 1_000_000,
        "state": str(ran.state),
    }
    json.dump(told, sys.stdout)


def _peak() -> int:
    """The most memory that this process has had, in bytes. Linux's ru_maxrss begins with the parent's."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
