"""What `up` starts ends with it, also when it is killed; and there is one `up` a home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import Conflict
from producer.cli.only_one import only_one
from tests.e2e.stack import ROOT, eventually

STARTER = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-m", "common.leash", sys.executable, "-c",
                          "import os, time; print(os.getpid(), flush=True); time.sleep(60)"])
child.wait()
"""


def alive(pid: int) -> bool:
    """Whether a process runs (one that ended but was not waited for does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_foreign_program_ends_with_a_parent_that_was_killed() -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTER], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    assert alive(pid)
    starter.kill()
    starter.wait()
    starter.stdout.close()
    eventually(lambda: not alive(pid), "the program has ended", 15)


def test_a_second_up_with_the_same_home_is_refused_and_names_the_first(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(Conflict, match=f"process {os.getpid()}"), only_one(tmp_path):
        pass
    with only_one(tmp_path):
        pass
