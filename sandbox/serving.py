"""A deployment's life, derived from what was asked of it, when, and the clock: nothing of it is stored as a state."""

import math
from dataclasses import dataclass, field
from typing import Final

#: plan -> what becomes of provisioning
PLANS: Final = ("ok", "stuck", "fails")
#: the platform gives up provisioning after this
GIVEN_UP_SECONDS: Final = 6 * 3600.0

PROVISIONING = "DEPLOYMENT_STATE_PROVISIONING"
READY = "DEPLOYMENT_STATE_READY"
STOPPING = "DEPLOYMENT_STATE_STOPPING"
STOPPED = "DEPLOYMENT_STATE_STOPPED"
FAILED = "DEPLOYMENT_STATE_FAILED"

WORDS: Final = {
    PROVISIONING: "Replicas are being provisioned",
    READY: "All replicas are ready",
    STOPPING: "Replicas are being drained",
    STOPPED: "Scaled to zero",
    FAILED: "Provisioning failed: no capacity for this hardware",
}


@dataclass(frozen=True)
class Spell:
    """From when replicas were asked for to when zero was."""

    asked_at: float
    replicas: int
    stop_at: float | None = None


@dataclass(frozen=True)
class Served:
    """A spell's billed part: replicas were ready from `ready_at` to `gone_at` (None: still)."""

    ready_at: float
    gone_at: float | None
    replicas: int

    def minutes(self, now: float) -> int:
        """Minutes begun, of every replica."""
        until = now if self.gone_at is None else min(self.gone_at, now)
        lasted = max(0, _ms(until) - _ms(self.ready_at))  # as the events tell it
        return math.ceil(lasted / 60_000) * self.replicas


def _ms(seconds: float) -> int:
    return round(seconds * 1_000_000) // 1000


@dataclass(frozen=True)
class Deployment:
    """What an endpoint runs."""

    id: str
    endpoint_id: str
    name: str
    model: str  #: the pinned path
    config: str
    hardware: str
    cents_per_hour: int
    created_at: float
    provision_seconds: float
    stop_seconds: float
    inactive_minutes: int = 0
    plan: str = "ok"
    min_replicas: int = 1
    max_replicas: int = 1
    version: int = 1
    updated_at: float = 0.0
    asked_last_at: float = 0.0
    deleted_at: float | None = None
    spells: tuple[Spell, ...] = field(default=())

    def state(self, now: float) -> str:
        """Where it stands."""
        if not self.spells:
            return STOPPED
        spell = self.spells[-1]
        ends = self._ends(spell)
        if ends <= now:
            served = self._served(spell)
            return STOPPING if served is not None and now < (served.gone_at or now) else STOPPED
        if self._ready(spell) <= now:
            return READY
        return FAILED if self._fails(spell) <= now else PROVISIONING

    def ready(self, now: float) -> int:
        """How many replicas serve."""
        return self.spells[-1].replicas if self.state(now) == READY else 0

    def served(self, now: float) -> list[Served]:
        """What is billed, up to now."""
        found = [served for spell in self.spells if (served := self._served(spell))]
        return [one for one in found if one.ready_at <= now]

    def ended(self, now: float) -> float | None:
        """When the latest spell was asked to end, by a request or for want of any."""
        ends = self._ends(self.spells[-1]) if self.spells else math.inf
        return ends if ends <= now else None

    def _served(self, spell: Spell) -> Served | None:
        ready, ends = self._ready(spell), self._ends(spell)
        if ready >= ends or ready == math.inf:
            return None
        return Served(ready, None if ends == math.inf else ends + self.stop_seconds, spell.replicas)

    def _ready(self, spell: Spell) -> float:
        return spell.asked_at + self.provision_seconds if self.plan == "ok" else math.inf

    def _fails(self, spell: Spell) -> float:
        if self.plan == "ok":
            return math.inf
        return spell.asked_at + (self.provision_seconds if self.plan == "fails" else GIVEN_UP_SECONDS)

    def _ends(self, spell: Spell) -> float:
        asked = math.inf if spell.stop_at is None else spell.stop_at
        if not self.inactive_minutes:
            return asked
        idle_from = max(self._ready(spell), self.asked_last_at if spell is self.spells[-1] else 0.0)
        return min(asked, idle_from + self.inactive_minutes * 60)


@dataclass(frozen=True)
class Endpoint:
    """A name that requests are sent to; its traffic split says who answers."""

    id: str
    name: str
    created_at: float
    visible_at: float
    updated_at: float
    version: int = 1
    visibility: str = "VISIBILITY_PRIVATE"
    split: tuple[tuple[str, float], ...] = ()
    deleted_at: float | None = None
