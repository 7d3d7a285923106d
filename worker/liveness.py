"""Signs of life: which worker processes there are, and when each was last seen; and an end for one that only seems to
live."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from common.errors import HintrelayError
from common.store import Store

log = structlog.get_logger(__name__)

BEAT_S = 5.0
STALLED_BEATS = 2  #: seen as stalled so often in turn, it is
LAST_WORD_S = 10.0  #: after SIGTERM, for the pool to end


def show_signs_of_life(store: Store, queues: Sequence[str], consumer: Any) -> None:
    """From now on, from a thread of its own; Redis may go away meanwhile. Ends the process when `consumer` stalls."""
    names = [f"{queue} {socket.gethostname()}:{os.getpid()}" for queue in queues]

    def work() -> None:
        seen = 0
        while True:
            seen = seen + 1 if stalled(consumer) else 0
            if seen >= STALLED_BEATS:
                end_process()
            try:
                store.sign_of_life(names)
            except HintrelayError as exc:
                log.debug("sign_of_life_not_given", reason=exc.message)
            time.sleep(BEAT_S)

    threading.Thread(target=work, name="signs-of-life", daemon=True).start()


def stalled(consumer: Any) -> bool:
    """Whether this Celery consumer has no work and asks for none, for ever.

    An acknowledgement that fails for want of a connection is logged by kombu and forgotten, its message kept as one
    in hand. When so many as may be are in hand, kombu asks for no more; so it does not use its connection, and never
    notices that it is gone.
    """
    from celery.worker import state

    tasks = consumer.task_consumer
    idle = not state.reserved_requests and not state.active_requests
    return idle and tasks is not None and tasks.channel is not None and not tasks.channel.qos.can_consume()


def end_process(kill: Callable[[int, int], None] = os.kill) -> None:
    """Its supervisor starts another one."""
    log.error("worker_stalled")
    kill(os.getpid(), signal.SIGTERM)
    time.sleep(LAST_WORD_S)
    kill(os.getpid(), signal.SIGKILL)
