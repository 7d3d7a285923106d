"""The ports of endpoints: where deployed models run, what that costs, and what a job hears of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from common.errors import HintrelayError


class Serving(StrEnum):
    """Where a deployment stands, of the platform's words."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    UNKNOWN = "unknown"  #: a word that we do not know: neither an end nor ready


@dataclass(frozen=True, slots=True)
class Deployed:
    """A model on the platform's machines. `serves`: ids and names of it, `words` what the platform says of it."""

    id: str
    serves: frozenset[str]
    state: Serving
    words: str = ""
    routed: bool = False  #: requests to the endpoint are led to it


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A name on the platform that requests are sent to, and what is deployed under it."""

    id: str
    name: str  #: without the account
    address: str  #: the model of chat requests
    deployments: tuple[Deployed, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """What can serve a model, and what that costs."""

    model: str  #: the platform's path of it
    config: str
    hardware: str
    cents_per_minute: float | None  #: None: the platform's list of prices does not have the hardware


class Endpoints(Protocol):
    """Where deployed models run, and cost by the minute. Nothing is repeated by the client; calls raise Transient or
    Permanent in the platform's words, InDoubt where a request may have taken effect."""

    def endpoints(self) -> list[Endpoint]:
        """All of the account's, in one request for hundreds."""

    def find(self, endpoint_id: str) -> Endpoint | None:
        """One by its id; None once the platform does not know it. What the list does not show may be there."""

    def create(self, name: str) -> None:
        """A name, free of charge; fine when it is there already."""

    def deploy(self, endpoint: Endpoint, offer: Offer, idle_minutes: int) -> None:
        """Begin to pay for a model under the endpoint. Asked once."""

    def route(self, endpoint: Endpoint) -> None:
        """Lead the endpoint's requests to its deployment."""

    def stop(self, endpoint: Endpoint) -> None:
        """Ask for an end of all that runs under it; whether it ended is read in `endpoints`."""

    def delete(self, endpoint: Endpoint) -> None:
        """Take away what has stopped, and the name; fine when it is gone."""


class Catalog(Protocol):
    """What can be served, whether it answers, and what it cost."""

    def offers(self, model: str, *, base: bool) -> list[Offer]:
        """What can serve a tuned model (by its registry id) or a base model (by name), the cheapest first. Raises
        Permanent for one that the platform does not know."""

    def answers(self, name: str) -> None:
        """Ask `name` for one token. Raises Transient or Permanent, in the platform's words."""

    def spans(self, endpoint: Endpoint) -> list[tuple[int, int | None]]:
        """When replicas under it were ready: (from, to) in ms by the platform's clock; None: still. Empty where the
        platform does not tell."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the endpoint stands that a job asked for. `fault` is why there will be none: an error to raise."""

    name: str
    sentence: str
    address: str = ""
    endpoint_id: str = ""
    fault: HintrelayError | None = None
