"""Which of the platform's offers an endpoint takes."""

from __future__ import annotations

from collections.abc import Sequence

from common.errors import Permanent
from worker.serving import Offer


def choose(offers: Sequence[Offer], model: str, *, config: str = "", hardware: str = "") -> Offer:
    """The cheapest that fits what the spec asks for, one without a price last. Raises Permanent with what there is."""
    if not offers:
        raise Permanent(f"the platform has no config that serves {model}", code="not_servable")
    if config:
        fits = [one for one in offers if one.config.rsplit("/", 1)[-1] == config.rsplit("/", 1)[-1]]
        wish = f"deploy.config: {config}"
        there = ", ".join(one.config.rsplit("/", 1)[-1] for one in offers)
    else:
        fits = [one for one in offers if hardware in {"", one.hardware}]
        wish = f"deploy.hardware: {hardware}"
        there = ", ".join(f"{one.hardware} ({_price(one)})" for one in offers)
    if not fits:
        raise Permanent(f"{wish} does not serve {model}; the platform offers {there}", code="not_servable")
    return min(fits, key=lambda one: (one.cents_per_minute is None, one.cents_per_minute or 0.0))


def _price(offer: Offer) -> str:
    return "no price" if offer.cents_per_minute is None else f"{offer.cents_per_minute:.2f} cents a minute"
