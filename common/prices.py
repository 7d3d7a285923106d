"""What a run is about to cost, told without asking anybody: tokens from bytes, prices from one table."""

from __future__ import annotations

import math
import re
import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.errors import ConfigurationError
from common.money import EndpointEstimate, Estimate, micros
from common.spec import FinetuneSpec, GenerateSpec, JobSpec

_SIZE = re.compile(r"(?<![A-Za-z0-9.])(?:(\d+)x)?(\d+(?:\.\d+)?)b(?![A-Za-z0-9])", re.IGNORECASE)
Positive = Annotated[float, Field(gt=0)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tier(_Table):
    """USD per million tokens, for models of up to so many billion parameters."""

    billions: Positive
    lora: Annotated[float, Field(ge=0)]
    full: Annotated[float, Field(ge=0)]
    endpoint_hour: Positive = 21.96  #: USD, of the hardware that serves such models


class Prices(_Table):
    """The table in prices.toml."""

    source: str
    date: str
    bytes_per_token: Positive
    unpacked_row_tokens: Annotated[int, Field(gt=0)]
    minimum_usd: Annotated[float, Field(ge=0)] = 0.0
    tokens_per_second: Positive = 25.0
    endpoint_spare_minutes: Annotated[int, Field(ge=0)] = 3
    hardware: dict[str, Positive] = {}  #: name -> USD an hour
    tiers: Annotated[list[Tier], Field(min_length=1)]

    def estimate(self, wanted: FinetuneSpec, size: int, rows: int) -> Estimate:
        """Of a training file of `size` bytes and `rows` rows."""
        once = rows * self.unpacked_row_tokens if wanted.packing is False else math.ceil(size / self.bytes_per_token)
        tokens = once * wanted.n_epochs
        tier = self._tier(billions(wanted.model))
        rate = tier.full if wanted.lora is False else tier.lora
        return Estimate(max(math.ceil(tokens * micros(rate) / 1_000_000), micros(self.minimum_usd)), tokens)

    def endpoint(self, spec: JobSpec, questions: int, offer: tuple[str, float] | None = None) -> EndpointEstimate:
        """Of the endpoint of an `auto` job; `offer` is the platform's hardware and its cents a minute, where known."""
        minutes = self._minutes(spec.generate, questions, spec.deploy.minutes)
        if offer is not None:
            return EndpointEstimate(minutes, offer[1], offer[0], "platform")
        wanted = spec.deploy.hardware or ""
        return EndpointEstimate(minutes, self.cents_per_minute(wanted, spec.finetune.model), wanted)

    def cents_per_minute(self, hardware: str, model: str) -> float:
        """Of an endpoint on that hardware; of hardware that the table lacks, as a model of that size needs."""
        hour = self.hardware.get(hardware) or self._tier(billions(model)).endpoint_hour
        return round(hour * 100 / 60, 4)

    def _minutes(self, asked: GenerateSpec, questions: int, most: int) -> int:
        """As if every answer had all the tokens that it may; never more than the endpoint may run."""
        rounds = math.ceil(questions / asked.batch_size)
        seconds = rounds * asked.max_tokens / self.tokens_per_second
        return min(most, self.endpoint_spare_minutes + math.ceil(seconds / 60))

    def _tier(self, size: float | None) -> Tier:
        tiers = sorted(self.tiers, key=lambda tier: tier.billions)
        return next((tier for tier in tiers if size is not None and size <= tier.billions), tiers[-1])


def billions(model: str) -> float | None:
    """How many billion parameters a model has, as its name tells: 8B, 1.5B, 8x7B."""
    found = _SIZE.findall(model.rsplit("/", 1)[-1])
    return max((int(times or 1) * float(size) for times, size in found), default=None)


@cache
def load(path: str = "") -> Prices:
    """The table that hintrelay brings, or the one at `path`. Raises ConfigurationError."""
    try:
        if path:
            text = Path(path).expanduser().read_text("utf-8")
        else:
            text = resources.files("common").joinpath("prices.toml").read_text("utf-8")
        values: dict[str, Any] = tomllib.loads(text)
        return Prices.model_validate(values)
    except ValidationError as exc:
        fault = exc.errors(include_url=False)[0]
        where = ".".join(map(str, fault["loc"]))
        raise ConfigurationError(f"HINTRELAY_PRICES: {path}: {where}: {fault['msg']}") from exc
    except (OSError, ValueError) as exc:
        raise ConfigurationError(f"HINTRELAY_PRICES: {path}: {getattr(exc, 'strerror', None) or exc}") from exc
