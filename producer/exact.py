"""plan --exact: the training files uploaded, validated, and priced by the platform. That costs nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from common.errors import HintrelayError
from common.prices import Prices
from common.quotes import Quote
from common.selection import select
from common.sharing import Sharing
from common.spec import FinetuneSpec
from common.training import write_training
from producer.planning import Checked, Planned

Say = Callable[[str], None]


class Quotes(Protocol):
    """Who can say what a run will cost. Every call raises HintrelayError, in the platform's words."""

    def upload(self, path: Path) -> str:
        """The id of the file there, validated; equal bytes may give one that exists."""

    def quote(self, wanted: FinetuneSpec, file_id: str) -> Quote: ...

    def hardware(self, model: str, *, config: str = "", hardware: str = "") -> tuple[str, float] | None:
        """What serves a base model, the cheapest that fits, and its cents a minute; None where nothing does."""


def with_quotes(
    rows: Sequence[Planned], checked: Checked, quotes: Quotes, platform: str, sharing: Sharing, say: Say
) -> list[Planned]:
    """The rows with the platform's estimates; a file that it takes is remembered, and uploaded no more."""
    files: dict[str, str] = {}
    told: dict[str, Quote] = {}
    priced: list[Planned] = []
    for row, (spec, path) in zip(rows, checked, strict=True):
        if row.data is None or path is None or not row.new:
            priced.append(row)
            continue
        sha256 = row.data.sha256
        if sha256 not in files:
            files[sha256] = _uploaded(row, path, quotes)
            sharing.remember_file(platform, sha256, files[sha256])
        asked = spec.finetune.model_dump_json(include={"model", "n_epochs", "lora", "lora_r", "packing"}) + sha256
        if asked not in told:
            told[asked] = quotes.quote(spec.finetune, files[sha256])
            _tell(told[asked], spec.finetune, say)
        estimate = told[asked].estimate or row.estimate
        priced.append(replace(row, estimate=estimate, file_known=True))
    return priced


def with_hardware(rows: Sequence[Planned], prices: Prices, quotes: Quotes, say: Say) -> list[Planned]:
    """The rows with the platform's price of the endpoints that they will start; each kind is asked for once."""
    told: dict[tuple[str, str, str], tuple[str, float] | None] = {}
    priced: list[Planned] = []
    for row in rows:
        wanted = row.spec.deploy
        asked = (row.spec.finetune.model, wanted.config or "", wanted.hardware or "")
        if row.endpoint is None or row.data is None:
            priced.append(row)
            continue
        if asked not in told:
            told[asked] = _hardware(*asked, quotes, say)
        offer = told[asked]
        questions = row.data.counts["test_questions"]
        priced.append(replace(row, endpoint=prices.endpoint(row.spec, questions, offer)) if offer else row)
    return priced


def _hardware(model: str, config: str, hardware: str, quotes: Quotes, say: Say) -> tuple[str, float] | None:
    try:
        offer = quotes.hardware(model, config=config, hardware=hardware)
        why = "it has nothing that serves it" + (f" on {config or hardware}" if config or hardware else "")
    except HintrelayError as exc:
        offer, why = None, exc.message
    if offer is None:
        say(f"{model}: the platform told no price of an endpoint ({why}); this machine's estimate stands")
    return offer


def _uploaded(row: Planned, path: Path, quotes: Quotes) -> str:
    assert row.data is not None, "only data at hand is uploaded"
    chosen = select(path, row.spec.dataset, row.spec.finetune.format)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"hintrelay-{row.data.sha256[:32]}.jsonl"  # as the worker names it
        write_training(chosen, row.spec, file)
        return quotes.upload(file)


def _tell(quote: Quote, wanted: FinetuneSpec, say: Say) -> None:
    if not quote.allowed:
        say(f"{wanted.model}: {quote.refusal}")
    elif quote.estimate is None:
        say(f"{wanted.model}: the platform told no price ({quote.reason}); this machine's estimate stands")
