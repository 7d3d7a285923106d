"""The inbox reader: everybody else's messages, checked strictly; no Celery worker reads that list.

Each envelope goes with LMOVE to a list in progress, is done or filed under dead letters, and is then removed: a crash
in between leaves it there for the next reader.
"""

from __future__ import annotations

import contextlib
import threading
import time

import structlog
from redis.exceptions import RedisError

from common.commands import Commands, Wanted
from common.connection import Client
from common.dead import DeadLetters
from common.errors import HintrelayError, Unreachable
from common.keys import QUEUE_INBOX, Keys
from common.matrix import expand
from common.messages import Cancel, Envelope, RegisterDeployment, Retry, Submit
from worker.doorkeeper import Doorkeeper

log = structlog.get_logger(__name__)

BLOCK_S = 1  #: how long one look at an empty list waits
BEAT_S = 5.0  #: between two signs of life
SILENT_S = 30.0  #: a reader without one for so long is dead: its list in progress goes back
#: kombu's lists of one queue: priority 0, then the others it may use (\x06\x16 stands between name and priority)
LISTS = (QUEUE_INBOX, *(f"{QUEUE_INBOX}\x06\x16{n}" for n in range(1, 10)))


class InboxReader:
    """Reads `hintrelay.inbox` of the broker. `name` tells this reader's list in progress from another's."""

    def __init__(self, broker: Client, commands: Commands, dead: DeadLetters, door: Doorkeeper, name: str) -> None:
        self._redis = broker  # made without decode_responses: what arrives may be any bytes
        self._commands = commands
        self._dead = dead
        self._door = door
        self._name = name
        self._list = Keys.in_progress(name)
        self._next_beat = 0.0
        self._stop = threading.Event()

    def stop(self, *_: object) -> None:
        self._stop.set()

    def run(self) -> None:
        """Until `stop`; Redis may go away meanwhile."""
        while not self._stop.is_set():
            try:
                self._sign_of_life()
                if not self.read_one(block_s=BLOCK_S):
                    continue
            except (RedisError, HintrelayError, OSError) as exc:
                log.warning("inbox_not_read", reason=str(exc)[:300])
                self._stop.wait(1.0)
        with contextlib.suppress(RedisError):
            self.take_back(self._name)
            self._redis.zrem(Keys.readers, self._name)

    def read_one(self, block_s: float = 0) -> bool:
        """Settle one message; False when there was none. Raises RedisError or Unreachable: then it stays for later."""
        raw = self._next(block_s)
        if raw is None:
            return False
        nonce = self._settle(raw)
        pipe = self._redis.pipeline(transaction=bool(nonce))
        pipe.lrem(self._list, 1, raw)
        if nonce:
            self._door.spend(nonce, pipe)
        pipe.execute()
        return True

    def _next(self, block_s: float) -> bytes | None:
        """What was left in progress first, then the lists of all priorities, oldest first."""
        left: bytes | None = self._redis.lindex(self._list, -1)
        if left is not None:
            return left
        for name in LISTS[1:]:
            taken: bytes | None = self._redis.lmove(name, self._list, "RIGHT", "LEFT")
            if taken is not None:
                return taken
        if block_s:
            found: bytes | None = self._redis.blmove(QUEUE_INBOX, self._list, block_s, "RIGHT", "LEFT")
        else:
            found = self._redis.lmove(QUEUE_INBOX, self._list, "RIGHT", "LEFT")
        return found

    def _settle(self, raw: bytes) -> str:
        """Do it or file it; the nonce that is spent thereby, if there is one."""
        nonce = ""
        try:
            envelope = self._door.open(raw)
            nonce = envelope.nonce
            with structlog.contextvars.bound_contextvars(message=envelope.id, task=envelope.task):
                self._do(envelope)
                log.info("message_done", origin=envelope.origin)
        except Unreachable:
            raise
        except HintrelayError as exc:
            self._file(raw, exc.message)
        except Exception as exc:
            log.exception("message_crashed")
            self._file(raw, f"a bug: {type(exc).__name__}: {exc}")
        return nonce

    def _file(self, raw: bytes, reason: str) -> None:
        letter = self._dead.file(raw, reason)
        log.warning("message_refused", letter=letter, reason=reason, size=len(raw))

    def _do(self, envelope: Envelope) -> None:
        message = envelope.message
        match message:
            case Submit():
                specs = [Wanted(spec) for spec in expand(message.spec)]
                # without a key the message's own id (its nonce, if signed) is one: read twice, it makes its jobs once
                self._commands.submit(specs, message.key or f"message:{envelope.nonce or envelope.id}", message.batch)
            case RegisterDeployment():
                self._commands.register_deployment(message.job, message.name)
            case Cancel():
                self._commands.cancel(message.job)
            case Retry():
                self._commands.retry(message.job)

    def _sign_of_life(self) -> None:
        if time.monotonic() < self._next_beat:
            return
        self._next_beat = time.monotonic() + BEAT_S
        now, _ = self._redis.time()
        self._redis.zadd(Keys.readers, {self._name: now * 1000})
        for name in self._redis.zrangebyscore(Keys.readers, "-inf", (now - SILENT_S) * 1000):
            self.take_back(name.decode())
            self._redis.zrem(Keys.readers, name)

    def take_back(self, reader: str) -> None:
        """Put what a reader left in progress back on the inbox, to be read next."""
        while self._redis.lmove(Keys.in_progress(reader), QUEUE_INBOX, "LEFT", "RIGHT") is not None:
            log.info("message_taken_back", reader=reader)
