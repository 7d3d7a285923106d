"""The parts of a sandbox, and how a request finds them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from aiohttp import web

from .clock import Clock
from .endpoints import Endpoints
from .faults import Faults
from .files import Files
from .knowledge import Library
from .log import RequestLog
from .names import Names
from .rates import Limiter
from .runs import Runs
from .state import State

CLOCK_ROW = ("clock", "ahead")
RATE_ROW = ("rate", "since")


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    speed: float = 1.0
    data: Path | None = None
    train_seconds: float = 6.0
    validate_seconds: float = 0.5
    api_key: str | None = None
    strict_names: bool = False
    provision_seconds: float = 3.0
    stop_seconds: float = 1.0
    clock_rate: float = 1.0


@dataclass
class Sandbox:
    """The platform's state and the test's controls; faults and log live in memory only."""

    options: Options
    state: State
    clock: Clock
    files: Files
    runs: Runs
    endpoints: Endpoints
    names: Names
    library: Library
    faults: Faults = field(default_factory=Faults)
    limiter: Limiter = field(default_factory=Limiter)
    log: RequestLog = field(default_factory=RequestLog)

    @classmethod
    def build(cls, options: Options) -> "Sandbox":
        """Open the state and what rests on it."""
        state = State(options.data)
        clock = _clock(options, state)
        runs = Runs(state, clock, options.train_seconds)
        took = {"provision_seconds": options.provision_seconds, "stop_seconds": options.stop_seconds}
        endpoints = Endpoints(state, clock, runs, **took)
        return cls(
            options=options,
            state=state,
            clock=clock,
            files=Files(state, clock, options.validate_seconds),
            runs=runs,
            endpoints=endpoints,
            names=Names(state, clock, runs, options.strict_names, endpoints),
            library=Library(state),
        )

    def advance(self, seconds: float) -> float:
        """Move the clock on, durably: time must not go back when the sandbox starts again."""
        now = self.clock.advance(seconds)
        self.state.put(*CLOCK_ROW, {"ahead": self.clock.ahead})
        return now


def _clock(options: Options, state: State) -> Clock:
    """Goes on from where it was, also at a rate: time must not go back when the sandbox starts again."""
    ahead = sum(row["ahead"] for row in state.rows(CLOCK_ROW[0]))
    since = next((row["since"] for row in state.rows(RATE_ROW[0])), None)
    clock = Clock(options.speed, ahead, rate=options.clock_rate, since=since)
    if options.clock_rate != 1:
        state.put(*RATE_ROW, {"since": clock.since})
    return clock


SANDBOX = web.AppKey("sandbox", Sandbox)
#: key of a request under which the fault that strikes it leaves its action
ACTION = "action"


def platform(request: web.Request) -> Sandbox:
    """The sandbox that a request is for."""
    return request.app[SANDBOX]


def action_of(request: web.Request) -> dict[str, Any]:
    """The action of the fault that strikes this request; empty when none does."""
    return cast("dict[str, Any]", request.get(ACTION, {}))
