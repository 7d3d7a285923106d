"""Requests to the platform's second API (v2) as raw JSON, through the SDK's client: its key, its pool, its errors.

Neither `beta.endpoints` of the SDK 2.x nor `endpoints` of 3.x is used: raw requests are the same in both, and a field
that a model of the SDK requires may be missing.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

import httpx
import together

from common.errors import Transient
from common.lifetime import close_with
from worker.adapters.http_pace import HttpPace
from worker.adapters.together_wire import do, json_object, once
from worker.pacing import Pace
from worker.ports import Absent

KEPT_S = 300.0  #: prices and configs change seldom
PAGE = 500  #: the most that the platform lists at once


class V2:
    """`root` is the platform's URL without a version. Safe for threads."""

    def __init__(self, *, root: str, api_key: str, limits: httpx.Timeout, pace: Pace) -> None:
        self._pace = HttpPace(pace, f"{root}/v2")
        self._account = together.Together(api_key=api_key, base_url=f"{root}/v1", timeout=limits, max_retries=1)
        self._reads = together.Together(api_key=api_key, base_url=f"{root}/v2", timeout=limits, max_retries=1)
        for client in (self._account, self._reads):
            close_with(self, client.close)
        self._reads._client.event_hooks = self._pace.hooks
        self._once = self._reads.with_options(max_retries=0)
        self._project = ""
        self._kept: dict[str, tuple[float, list[dict[str, Any]]]] = {}  #: lists that change seldom: when read, and what

    def project(self) -> str:
        """The id of the key's project. Raises Transient where the platform does not say."""
        if not self._project:
            me = json_object(do(lambda: self._account.get("/whoami", cast_to=httpx.Response)))
            told = me.get("project_id") or (me.get("project") or {}).get("id")
            self._project = str(self._account.project_id or told or "")
        if not self._project:
            raise Transient("the platform did not say which project the key belongs to", code="odd_answer")
        return self._project

    def home(self) -> str:
        """The path of the key's project."""
        return f"/projects/{self.project()}"

    def get(self, path: str) -> dict[str, Any]:
        self._pace.before()
        return json_object(do(lambda: self._reads.get(path, cast_to=httpx.Response)))

    def listed(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """All items of a list, page after page."""
        items: list[dict[str, Any]] = []
        cursors: set[str] = set()
        while True:
            body = self.get(f"{path}?{httpx.QueryParams(query)}" if query else path)
            data = body.get("data")
            if not isinstance(data, list):
                raise Transient(f"the platform answered {path} with something else than a list", code="odd_answer")
            items += [item for item in data if isinstance(item, dict)]
            cursor = str(body.get("next_cursor") or body.get("nextCursor") or "")
            if not cursor:
                return items
            if cursor in cursors:
                raise Transient(f"the platform's list {path} has no end", code="odd_answer")
            cursors.add(cursor)
            query["after"] = cursor

    def seldom(self, path: str, **query: str) -> list[dict[str, Any]]:
        """A list that many jobs ask for alike: prices, configs, the catalogue. It is asked for again after a while."""
        name = f"{path}?{httpx.QueryParams(query)}"
        at, items = self._kept.get(name, (-KEPT_S, []))
        if time.monotonic() - at >= KEPT_S:
            items = self.listed(path, **query)
            self._kept = {one: kept for one, kept in self._kept.items() if time.monotonic() - kept[0] < KEPT_S}
            self._kept[name] = (time.monotonic(), items)
        return items

    def send(self, method: str, path: str, body: Any, what: str) -> None:
        """Sent once, whatever is answered. Raises InDoubt unless the platform surely refused it."""
        send: Any = {"post": self._once.post, "patch": self._once.patch, "delete": self._once.delete}[method]
        self._pace.before()
        once(lambda: send(path, body=body, cast_to=httpx.Response), what)

    def gone_is_fine(self, method: str, path: str, body: Any, what: str) -> None:
        with contextlib.suppress(Absent):
            self.send(method, path, body, what)
