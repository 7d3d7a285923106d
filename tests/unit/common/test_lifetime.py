from __future__ import annotations

import gc
import subprocess
import sys

from common.lifetime import close_with


class Owner:
    """Something that opens and is not asked to close."""


def test_what_was_opened_is_closed_when_its_owner_goes() -> None:
    closed: list[str] = []
    owner = Owner()
    close_with(owner, lambda: closed.append("it"))
    assert not closed
    del owner
    assert closed == ["it"]


def test_of_a_ring_it_is_closed_first() -> None:
    ended: list[str] = []

    class Connection:
        def __del__(self) -> None:
            ended.append("the connection, by itself")

    owner = Owner()
    owner.__dict__.update(connection=Connection(), ring=owner)
    close_with(owner, lambda: ended.append("what closes it"))
    del owner
    gc.collect()
    assert ended == ["what closes it", "the connection, by itself"]


def test_nothing_is_closed_at_the_end_of_the_process() -> None:
    code = "import common.lifetime, sys; common.lifetime.close_with(sys, lambda: print('closed'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == ""
