"""Signs of life: which worker processes there are, and when each was last seen."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Sequence

import structlog

from common.errors import HintrelayError
from common.store import Store

log = structlog.get_logger(__name__)

BEAT_S = 5.0


def show_signs_of_life(store: Store, queues: Sequence[str]) -> None:
    """From now on, from a thread of its own; Redis may go away meanwhile."""
    names = [f"{queue} {socket.gethostname()}:{os.getpid()}" for queue in queues]

    def work() -> None:
        while True:
            try:
                store.sign_of_life(names)
            except HintrelayError as exc:
                log.debug("sign_of_life_not_given", reason=exc.message)
            time.sleep(BEAT_S)

    threading.Thread(target=work, name="signs-of-life", daemon=True).start()
