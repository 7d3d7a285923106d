"""The platform's own prices, over the Together SDK. Imported only for `plan --exact`: it takes a second."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import orjson
import together

from common import hardware as offered
from common import quotes
from common.errors import ConfigurationError, HintrelayError, InvalidSpec, NotFound, Unreachable
from common.lifetime import close_with
from common.quotes import Quote
from common.spec import FinetuneSpec

T = TypeVar("T")

PATIENCE_S = 300.0  #: the platform's validation of one file takes seconds, of a large one minutes
NOT_YET_S = 15.0  #: for a price of a file that is validated
STEP_S = 0.5
_PENDING = frozenset({"PENDING", "QUEUED", "RUNNING"})
_BAD = frozenset({"INVALID_FORMAT", "FAILED"})


class TogetherQuotes:
    """The port `Quotes` of producer/exact.py."""

    def __init__(
        self, *, base_url: str, api_key: str, timeout_s: float, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = together.Together(
            api_key=api_key, base_url=base_url, timeout=httpx.Timeout(timeout_s, connect=5.0), max_retries=1
        )
        close_with(self, self._client.close)
        root = base_url.rstrip("/").removesuffix("/v1")
        self._catalogue = self._client.with_options(base_url=f"{root}/v2")
        self._where = base_url
        self._sleep = sleep

    def upload(self, path: Path) -> str:
        answer = self._do(
            lambda: self._client.with_options(max_retries=0).files.upload(path, purpose="fine-tune", check=False)
        )
        file_id = getattr(answer, "id", None)
        if not isinstance(file_id, str) or not file_id:
            raise Unreachable(f"{self._where} answered an upload with something else than a file")
        self._validated(file_id)
        return file_id

    def _validated(self, file_id: str) -> None:
        for _ in range(int(PATIENCE_S / STEP_S)):
            body = self._object(lambda: self._client.get(f"/files/{file_id}", cast_to=httpx.Response))
            word, report = str(body.get("processing_status")), body.get("validation_report") or {}
            if word in _BAD or report.get("valid") is False:
                raise InvalidSpec(f"the platform refuses the training file: {report.get('error') or word}")
            if word not in _PENDING:
                return
            self._sleep(STEP_S)
        raise Unreachable(f"{self._where} has not validated the file {file_id} within {PATIENCE_S:.0f} s")

    def quote(self, wanted: FinetuneSpec, file_id: str) -> Quote:
        """A file that was just validated may not be priced at once: that is waited for."""
        body = quotes.question(wanted, file_id)
        for _ in range(int(NOT_YET_S / STEP_S)):
            told = self._quoted(body)
            if not told.not_yet:
                return told
            self._sleep(STEP_S)
        return self._quoted(body)

    def _quoted(self, body: dict[str, Any]) -> Quote:
        return quotes.answer(self._object(lambda: self._client.post(quotes.PATH, body=body, cast_to=httpx.Response)))

    def hardware(self, model: str, *, config: str = "", hardware: str = "") -> tuple[str, float] | None:
        """The cheapest that serves a base model and fits, and its cents a minute; None where the platform has none."""
        me = self._object(lambda: self._client.get("/whoami", cast_to=httpx.Response))
        project = str(self._client.project_id or me.get("project_id"))
        path = offered.model_path(project, model)  # where there is no catalogue
        with contextlib.suppress(NotFound):
            models = self._listed(f"{offered.MODELS_PATH}?{httpx.QueryParams(search=model)}")
            path = offered.base_model(models, model, project) or ""
        if not path:
            return None
        wanted = self._listed(f"/projects/{project}/configs?{httpx.QueryParams(referenceModel=path)}")
        there = offered.configs(wanted, self._listed(offered.PRICES_PATH), project)
        fits = [one for one in there if one.fits(config, hardware)]
        priced = [(one.cents_per_minute, one.hardware) for one in fits if one.cents_per_minute is not None]
        return (min(priced)[1], min(priced)[0]) if priced else None

    def _listed(self, path: str) -> list[dict[str, Any]]:
        """All items of a list of the catalogue, page after page."""
        items: list[dict[str, Any]] = []
        where = path
        while True:
            body = self._object(lambda: self._catalogue.get(where, cast_to=httpx.Response))  # noqa: B023  # called at once
            data = body.get("data")
            if not isinstance(data, list):
                raise Unreachable(f"{self._where} answered {path} with something else than a list")
            items += [item for item in data if isinstance(item, dict)]
            if not body.get("next_cursor") or not data:
                return items
            where = f"{path}{'&' if '?' in path else '?'}{httpx.QueryParams(after=body['next_cursor'])}"

    def _object(self, call: Callable[[], httpx.Response]) -> dict[str, Any]:
        try:
            body = orjson.loads(self._do(call).content)
        except orjson.JSONDecodeError as exc:
            raise Unreachable(f"{self._where} answered with something else than JSON") from exc
        return body if isinstance(body, dict) else {}

    def _do(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except together.APIStatusError as exc:
            raise self._refused(exc) from exc
        except (together.TogetherError, httpx.HTTPError) as exc:
            raise Unreachable(f"{self._where} does not answer: {exc}") from exc

    def _refused(self, exc: together.APIStatusError) -> HintrelayError:
        words = f"{self._where} answered {exc.status_code}: {' '.join(str(exc.message).split())[:500]}"
        if exc.status_code in {401, 403}:
            return ConfigurationError(words, hint="set TOGETHER_API_KEY to a valid key")
        if exc.status_code in {408, 429} or exc.status_code >= 500:
            return Unreachable(words)
        if exc.status_code == 404:
            return NotFound(words)
        return InvalidSpec(words, code="platform_refused")
