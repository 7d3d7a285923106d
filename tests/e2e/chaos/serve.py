"""All roles of one machine under the supervisor that `hintrelay worker` and `up` have, with the chaos tests' worker."""

from __future__ import annotations

import signal
import sys

from common import logs
from common.settings import load
from common.supervisor import Child, Supervisor

ROLES = {
    "platform": ("worker", "celery", "platform"),
    "hints": ("tests.e2e.chaos.worker", "hints"),
    "inbox": ("worker", "inbox"),
    "beat": ("worker", "beat"),
}


def main() -> int:
    logs.configure(load())
    supervisor = Supervisor([Child(name, [sys.executable, "-m", *words]) for name, words in ROLES.items()])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, supervisor.stop)
    supervisor.start()
    return supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
