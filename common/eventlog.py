"""Reading the event stream: of one job, of all, and as it grows."""

from __future__ import annotations

from collections.abc import Iterator, Set

from common.connection import Client, reaching
from common.events import Event
from common.keys import Keys

PAGE = 1000  #: entries of one read
BLOCK_MS = 1000  #: how long one read waits for news


class EventLog:
    """The stream `hintrelay:events`."""

    def __init__(self, client: Client, url: str = "") -> None:
        self._client = client
        self._url = url

    def of_job(self, job_id: str, *, since_ms: int) -> Iterator[Event]:
        """The job's events, oldest first; `since_ms` is when it was created, so that the stream is not read whole."""
        return self.of_jobs({job_id}, since_ms=since_ms)

    def of_jobs(self, job_ids: Set[str], *, since_ms: int) -> Iterator[Event]:
        """The events of several jobs, in one pass; `since_ms` is when the first of them was created."""
        start = f"{max(0, since_ms - 60_000)}-0"  # the stream's ids are by the server's clock, as `created` is
        while True:
            with reaching(self._url):
                entries = self._client.xrange(Keys.events, min=start, max="+", count=PAGE)
            for entry_id, fields in entries:
                if fields.get("job") in job_ids:
                    yield Event.from_entry(entry_id, fields)
            if len(entries) < PAGE:
                return
            start = f"({entries[-1][0]}"

    def last_id(self) -> str:
        """The id of the newest entry; '0-0' when there is none."""
        with reaching(self._url):
            newest = self._client.xrevrange(Keys.events, count=1)
        return newest[0][0] if newest else "0-0"

    def follow(self, after: str, *, block_ms: int = BLOCK_MS) -> Iterator[Event | None]:
        """Every event after entry `after`, as it comes; None each time `block_ms` went by without one."""
        while True:
            with reaching(self._url):
                answer = self._client.xread({Keys.events: after}, count=PAGE, block=block_ms)
            if not answer:
                yield None
                continue
            entries = answer[Keys.events][0] if isinstance(answer, dict) else answer[0][1]
            for entry_id, fields in entries:
                after = entry_id
                yield Event.from_entry(entry_id, fields)
