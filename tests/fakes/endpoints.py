"""A fake of the Endpoints and Catalog ports: endpoints that tests get ready, with the faults that they can meet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from common.errors import HintrelayError, Permanent, Transient
from tests.fakes.platform import Killed
from worker.ports import InDoubt
from worker.serving import Deployed, Endpoint, Offer, Serving


@dataclass
class FakeEndpoints:
    """`faults` by method are taken one a call: 'reset_before', 'reset_after', 'kill_after', 'ignored', or an error."""

    clock_ms: Callable[[], int] = lambda: 0
    there: dict[str, Endpoint] = field(default_factory=dict)
    faults: dict[str, list[str | HintrelayError]] = field(default_factory=dict)
    offered: list[Offer] = field(
        default_factory=lambda: [Offer("p/m", "cr_h", "1xh100", 6.0), Offer("p/m", "cr_a", "1xa100", 4.0)]
    )
    calls: list[str] = field(default_factory=list)
    ran: dict[str, list[tuple[int, int | None]]] = field(default_factory=dict)
    deaf: set[str] = field(default_factory=set)  #: names that do not answer
    hidden: set[str] = field(default_factory=set)  #: names that the list does not show
    ready_at_once: bool = False
    tells_spans: bool = True

    # ---- the ports ----

    def endpoints(self) -> list[Endpoint]:
        self._fault("endpoints")
        return [one for name, one in self.there.items() if name not in self.hidden]

    def find(self, endpoint_id: str) -> Endpoint | None:
        self._fault("find")
        return next((one for one in self.there.values() if one.id == endpoint_id), None)

    def create(self, name: str) -> None:
        self._with_effect("create", lambda: self.there.setdefault(name, Endpoint(f"ep-{name}", name, f"acme/{name}")))

    def deploy(self, endpoint: Endpoint, offer: Offer, idle_minutes: int) -> None:
        self._with_effect("deploy", lambda: self._deployed(endpoint.name, offer))

    def route(self, endpoint: Endpoint) -> None:
        self.calls.append("route")
        self._change(endpoint.name, routed=True)

    def stop(self, endpoint: Endpoint) -> None:
        if self._fault("stop") != "ignored":
            self.set(endpoint.name, Serving.STOPPED)

    def delete(self, endpoint: Endpoint) -> None:
        self._fault("delete")
        now = self.there[endpoint.name]
        assert all(one.state is Serving.STOPPED for one in now.deployments), "it still runs"
        del self.there[endpoint.name]

    def offers(self, model: str, *, base: bool) -> list[Offer]:
        self._fault("offers")
        return list(self.offered)

    def answers(self, name: str) -> None:
        self._fault("answers")
        if name in self.deaf:
            raise Permanent(f"the platform answered 404: Unable to access model {name}", code="deployment_unknown")

    def spans(self, endpoint: Endpoint) -> list[tuple[int, int | None]]:
        return self.ran.get(endpoint.name, []) if self.tells_spans else []

    # ---- what tests do to it ----

    def set(self, name: str, state: Serving, words: str = "") -> None:
        """Let all that runs under an endpoint be in `state`, and the clock of the bill know it."""
        now = self.clock_ms()
        for one in self.there[name].deployments:
            spans = self.ran.setdefault(name, [])
            if state is Serving.READY and one.state is not Serving.READY:
                spans.append((now, None))
            elif state is not Serving.READY and spans and spans[-1][1] is None:
                spans[-1] = (spans[-1][0], now)
        self._change(name, state=state, words=words or state.value)

    def get_all_ready(self) -> None:
        for name, one in self.there.items():
            if any(deployed.state is Serving.STARTING for deployed in one.deployments):
                self.set(name, Serving.READY)

    def running(self) -> list[str]:
        """Endpoints that cost."""
        return [name for name, one in self.there.items() if any(d.state is Serving.READY for d in one.deployments)]

    def billed(self) -> int:
        """Minutes begun, of all that ever ran."""
        now = self.clock_ms()
        return sum(-(-((to or now) - begun) // 60_000) for spans in self.ran.values() for begun, to in spans)

    def _deployed(self, name: str, offer: Offer) -> None:
        one = self.there[name]
        serves = frozenset({offer.model.rsplit("/", 1)[-1]})
        made = Deployed(f"dep-{name}-{len(one.deployments)}", serves, Serving.STARTING, "starting")
        self.there[name] = replace(one, deployments=(*one.deployments, made))
        if self.ready_at_once:
            self.set(name, Serving.READY)

    def _change(self, name: str, **changes: object) -> None:
        one = self.there[name]
        changed = tuple(replace(deployed, **changes) for deployed in one.deployments)  # type: ignore[arg-type]  # fields of Deployed
        self.there[name] = replace(one, deployments=changed)

    def _with_effect(self, call: str, effect: Callable[[], object]) -> None:
        fault = self._fault(call)
        if fault == "reset_before":
            raise InDoubt("connection reset")
        effect()
        if fault == "kill_after":
            raise Killed
        if fault == "reset_after":
            raise InDoubt("connection reset")

    def _fault(self, call: str) -> str | None:
        self.calls.append(call)
        waiting = self.faults.get(call)
        fault = waiting.pop(0) if waiting else None
        if isinstance(fault, HintrelayError):
            raise fault
        return fault


REFUSED = Permanent("the platform answered 403: endpoints are disabled for this account", code="forbidden")
BUSY = Transient("the platform answered 503: no capacity", code="platform")
