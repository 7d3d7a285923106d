"""Money as whole micro-dollars: floats drift, and a budget must not."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Literal

MICROS = 1_000_000  #: of one dollar
MOST_USD = 1_000_000_000  #: beyond that it is a slip of the keyboard


Source = Literal["local", "platform"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run is expected to cost, in micro-dollars, by whom."""

    cost: int
    tokens: int
    source: Source = "local"


def micros(usd: str | float | Decimal) -> int:
    """Dollars as micro-dollars, rounded up: an estimate must not fall short. Raises ValueError for no amount."""
    try:
        amount = Decimal(str(usd))
    except InvalidOperation:
        raise ValueError(f"{usd!r} is no amount of dollars; write it as 12.50") from None
    if not amount.is_finite() or not 0 <= amount <= MOST_USD:
        raise ValueError(f"an amount is from 0 to {MOST_USD} dollars, not {usd}")
    return int((amount * MICROS).to_integral_value(ROUND_CEILING))


def of_nanos(nanodollars: float) -> int:
    """Nano-dollars, in which Together gives `total_price`, as micro-dollars, rounded up."""
    return -(-int(nanodollars) // 1000)


def micros_of(minutes: int, cents_per_minute: float) -> int:
    """What so many minutes cost, as micro-dollars."""
    return int((minutes * Decimal(str(cents_per_minute)) * MICROS / 100).to_integral_value())


def usd(amount: int) -> float:
    """Micro-dollars as dollars, for JSON."""
    return amount / MICROS


def spoken(amount: int) -> str:
    """Micro-dollars for people: cents, and as much more as a small amount needs to be seen."""
    sign, left = ("-", -amount) if amount < 0 else ("", amount)
    if left and left < MICROS // 10:
        return f"{sign}${Decimal(left) / MICROS:.4f}"
    return f"{sign}${Decimal(left) / MICROS:.2f}"


@dataclass(frozen=True, slots=True)
class EndpointEstimate:
    """What an endpoint is expected to cost: for how long, on what, at which price, by whom."""

    minutes: int
    cents_per_minute: float
    hardware: str = ""
    source: Source = "local"

    @property
    def cost(self) -> int:
        """Micro-dollars."""
        return micros_of(self.minutes, self.cents_per_minute)
