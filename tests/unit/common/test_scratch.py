"""Scratch folders go with who made them, however that one ended."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from common.scratch import LOCK, Scratch

HOLDER = """
import sys, time
from pathlib import Path
from common.scratch import Scratch
with Scratch(Path(sys.argv[1])).folder() as folder:
    (folder / "copy").write_bytes(b"x")
    print(folder, flush=True)
    time.sleep(60)
"""


def test_a_folder_is_gone_when_its_stage_ends_or_fails(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "scratch")
    with scratch.folder() as folder:
        (folder / "within").mkdir()
        (folder / "within" / "copy").write_bytes(b"x")
    with pytest.raises(FileNotFoundError), scratch.folder() as other:
        (other / "not there").read_bytes()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_sweep_takes_what_a_killed_process_left_and_nothing_that_is_held(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        left = Path(process.stdout.readline().strip())
        scratch = Scratch(tmp_path)
        with scratch.folder() as mine:
            try:
                assert scratch.sweep() == 0, "it is held while its process lives"
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()
            assert (left / "copy").exists(), "killed: nothing was cleaned"
            assert scratch.sweep() == 1
            assert not left.exists()
            assert mine.exists()


def test_a_folder_that_was_made_but_never_locked_is_swept_too(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "a file").write_bytes(b"not ours")
    assert Scratch(tmp_path).sweep() == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a file"]
    assert Scratch(tmp_path / "never made").sweep() == 0


def test_sweeps_take_no_folder_from_its_maker(tmp_path: Path) -> None:
    """A folder is made, then locked: a sweep may come between."""
    scratch, ended = Scratch(tmp_path), threading.Event()

    def sweep() -> None:
        while not ended.is_set():
            scratch.sweep()

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        for _ in range(300):
            with scratch.folder() as folder:
                assert (folder / LOCK).exists()
    finally:
        ended.set()
        sweeper.join()
    assert list(tmp_path.iterdir()) == []
