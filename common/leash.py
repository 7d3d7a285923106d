"""`python -m common.leash COMMAND...`: a foreign program as a child that ends with whoever started it.

Our own roles watch their parent themselves (common.supervisor.end_with_parent); Valkey and the sandbox cannot.
Only the standard library: it stands beside each of them in memory.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

LOOK_S = 0.5  #: between two looks at the parent
GRACE_S = 10.0  #: after SIGTERM, until SIGKILL


def main(command: list[str]) -> int:
    """Run `command` until it ends, a signal comes, or the parent is gone; its exit code."""
    parent = os.getppid()
    child = subprocess.Popen(command)

    def stop(*_: object) -> None:
        child.terminate()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    while child.poll() is None:
        if os.getppid() != parent:
            stop()
            break
        time.sleep(LOOK_S)
    try:
        return child.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
