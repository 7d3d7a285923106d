"""A data set behind a URL: what is not there ends the job, what cannot be reached just now is tried again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from common.errors import Permanent, Transient
from worker.adapters.datasets import DatasetFiles

SOURCE = "https://example.org/data.json"


def answered(status: int) -> aiohttp.ClientResponseError:
    request: Any = aiohttp.RequestInfo(URL(SOURCE), "GET", headers=None)  # type: ignore[arg-type]  # nobody reads them
    return aiohttp.ClientResponseError(request, (), status=status)


@pytest.mark.parametrize(
    ("why", "kind", "words"),
    [
        (answered(404), Permanent, "there is nothing at"),
        (answered(410), Permanent, "there is nothing at"),
        (answered(403), Permanent, "may not be read (answered 403)"),
        (answered(429), Transient, "cannot be read just now: answered 429"),
        (answered(503), Transient, "cannot be read just now: answered 503"),
        (aiohttp.ClientConnectionError("no route"), Transient, "cannot be read just now"),
        (TimeoutError(), Transient, "cannot be read just now"),
        (None, Permanent, "there is nothing at"),
    ],
)
def test_what_a_url_answers_decides_whether_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: Exception | None, kind: type[Exception], words: str
) -> None:
    """As fsspec 2024.5 tells it: each of these is a FileNotFoundError, with its cause."""

    def refuse(*_: object) -> None:
        raise FileNotFoundError(SOURCE) from why

    monkeypatch.setattr("fsspec.open", refuse)
    with pytest.raises(kind) as caught:
        DatasetFiles("").fetch(SOURCE, tmp_path)
    assert words in str(caught.value)
