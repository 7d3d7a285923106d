"""The Platform port over the Together SDK (2.36.0). Reads take raw JSON: the SDK's models cost 20 times as much."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import together
from together.lib.resources.files import FileUploadProgress
from together.lib.resources.fine_tuning import create_finetune_request
from together.types import FinetuneModelLimits

from common import quotes
from common.errors import Permanent, Transient
from common.lifetime import close_with
from common.quotes import Quote
from common.spec import FinetuneSpec
from worker.adapters import together_limits
from worker.adapters.http_pace import HttpPace
from worker.adapters.together_runs import MOST_POINTS, losses_from, mark_of, run_from, seconds_left
from worker.adapters.together_wire import do, json_object, once
from worker.pacing import Pace, Unpaced
from worker.ports import Absent, FileStatus, InDoubt, Progress, Request, Run

T = TypeVar("T")

QUOTE_S = 5.0  #: a price that was told holds for so long, and so does what the account may spend
QUOTES_KEPT = 1000

_FILE_STATUS = {"COMPLETED": FileStatus.VALID, "INVALID_FORMAT": FileStatus.INVALID, "FAILED": FileStatus.INVALID}
_PENDING = frozenset({"PENDING", "QUEUED", "RUNNING"})


class TogetherPlatform:
    """Files and fine-tuning runs. One client serves all threads; the one for paid calls never repeats a request."""

    def __init__(self, *, base_url: str, api_key: str, timeout_s: float, pace: Pace | None = None) -> None:
        self.name = base_url
        self._pace = HttpPace(pace or Unpaced(), base_url)
        self._client = together.Together(
            api_key=api_key, base_url=base_url, timeout=httpx.Timeout(timeout_s, connect=5.0), max_retries=1
        )
        close_with(self, self._client.close)
        # on the SDK's own httpx client, which has the SDK's defaults
        self._client._client.event_hooks = self._pace.hooks
        self._listed: dict[str, tuple[object, Run]] = {}  #: what the last list said, so that equal items are one Run
        self._left: dict[str, object] = {}  #: what that list told of each run's progress
        self._limits: dict[str, FinetuneModelLimits] = {}
        self._quotes: dict[str, tuple[float, Quote]] = {}
        self._once = self._client.with_options(max_retries=0)

    def upload(self, path: Path, progress: Progress) -> str:
        """Bytes that are known already give the id they have (409 of the platform); that takes one request."""

        def report(sent: FileUploadProgress) -> None:
            progress(sent.uploaded_bytes, sent.total_bytes)

        answer = self._do(
            lambda: self._once.files.upload(path, purpose="fine-tune", check=False, progress_callback=report)
        )
        file_id = getattr(answer, "id", None)
        if not isinstance(file_id, str) or not file_id:
            raise Transient("the platform answered an upload with something else than a file")
        return file_id

    def check_file(self, file_id: str) -> tuple[FileStatus, str]:
        body = self._get(f"/files/{file_id}")
        word = body.get("processing_status")
        if word in _PENDING:
            return FileStatus.PENDING, str(word)
        report = body.get("validation_report") or {}
        status = _FILE_STATUS.get(str(word), FileStatus.VALID)
        if report.get("valid") is False:
            status = FileStatus.INVALID
        words = report.get("error") or report.get("message") or f"its validation ended as {word}"
        return status, str(words)

    def runs(self) -> list[Run]:
        listed = self._get("/fine-tunes").get("data")
        if not isinstance(listed, list):
            raise Transient("the platform answered the list of runs with something else than a list")
        before, self._listed, self._left = self._listed, {}, {}
        for item in listed:
            if isinstance(item, dict) and isinstance(item.get("id"), str):
                run_id, mark = item["id"], mark_of(item)
                known = before.get(run_id)
                self._listed[run_id] = known if known and known[0] == mark else (mark, run_from(item))
                self._left[run_id] = item.get("progress")
        return [run for _, run in self._listed.values()]

    def left_s(self, run_id: str) -> float | None:
        return seconds_left(self._left.get(run_id))

    def run(self, run_id: str) -> Run:
        body = self._get(f"/fine-tunes/{run_id}")
        if body.get("id") != run_id:
            raise Transient(f"the platform answered for run {run_id} with something else than a run")
        events = body.get("events")
        run = run_from(body)
        if events is None and run.status.value in {"failed", "cancelled"}:
            events = self._events(run_id)
        return run_from({**body, "events": events or []})

    def losses(self, run_id: str) -> dict[str, list[list[float]]]:
        return losses_from(self._get(f"/fine-tunes/{run_id}/metrics?resolution={MOST_POINTS}").get("metrics"))

    def run_request(self, wanted: FinetuneSpec, file_id: str, marker: str) -> Request:
        """The body of POST /fine-tunes as the SDK makes it."""
        given = wanted.model_dump(exclude_none=True, exclude={"format", "suffix"})
        if wanted.adapter:
            given["lora"] = True
        try:
            limits = self._limits_of(wanted.model)
            together_limits.check(wanted, limits, marker)
            request, _, _ = create_finetune_request(
                model_limits=limits,
                training_file=file_id,
                suffix=marker,
                **{"train_on_inputs": "auto", **given},
            )
        except ValueError as exc:
            raise Permanent(f"the platform does not allow these hyperparameters: {exc}", code="limits") from exc
        except (AttributeError, TypeError) as exc:
            self._limits.pop(wanted.model, None)
            raise Transient(f"the platform answered odd limits for {wanted.model}: {exc}", code="odd_answer") from exc
        body: dict[str, Any] = request.model_dump(exclude_none=True)
        return body

    def quote(self, wanted: FinetuneSpec, file_id: str) -> Quote:
        """Asked once a kind of run and some seconds: a sweep asks the same again and again."""
        body = quotes.question(wanted, file_id)
        mark = json.dumps(body, sort_keys=True)
        asked, quote = self._quotes.get(mark, (0.0, None))
        if quote is None or time.monotonic() - asked > QUOTE_S:
            post = partial(self._once.post, quotes.PATH, body=body, cast_to=httpx.Response)
            quote = quotes.answer(json_object(self._do(post)))
            if len(self._quotes) > QUOTES_KEPT:
                self._quotes.clear()
            if quote.allowed and quote.estimate is not None:
                self._quotes[mark] = (time.monotonic(), quote)
        return quote

    def start_run(self, request: Request) -> str:
        self._pace.before()
        post = partial(self._once.post, "/fine-tunes", body=request, cast_to=httpx.Response)
        response = once(post, "the creation of a run")
        try:
            run_id = json_object(response).get("id")
        except Transient as exc:
            raise InDoubt(exc.message) from exc
        if not isinstance(run_id, str) or not run_id:
            raise InDoubt("the platform answered the creation of a run with something else than a run")
        return run_id

    def stop_run(self, run_id: str) -> None:
        try:
            self._do(lambda: self._client.post(f"/fine-tunes/{run_id}/cancel", cast_to=httpx.Response))
        except (Absent, Permanent) as exc:
            try:
                ended = self.run(run_id).status.value != "active"
            except Absent:
                ended = True
            if not ended:
                raise exc

    def _events(self, run_id: str) -> list[Any]:
        try:
            data = self._get(f"/fine-tunes/{run_id}/events").get("data")
        except (Transient, Permanent):  # the run's end counts; its story is only words
            return []
        return data if isinstance(data, list) else []

    def _limits_of(self, model: str) -> FinetuneModelLimits:
        """The platform's limits for a base model; asked once a model."""
        if model not in self._limits:
            try:
                limits = self._do(lambda: self._client.fine_tuning.model_limits(model_name=model))
            except Absent as exc:
                raise Permanent(f"finetune.model: {model}: {exc.message}", code="unknown_model") from exc
            if not isinstance(limits, FinetuneModelLimits):
                raise Transient(f"the platform answered odd limits for {model}", code="odd_answer")
            self._limits[model] = limits
        return self._limits[model]

    def _get(self, path: str) -> dict[str, Any]:
        return json_object(self._do(lambda: self._client.get(path, cast_to=httpx.Response)))

    def _do(self, call: Callable[[], T]) -> T:
        self._pace.before()
        return do(call)
