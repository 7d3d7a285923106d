"""The parts of a sandbox, and how a request finds them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from aiohttp import web

from .clock import Clock
from .faults import Faults
from .files import Files
from .knowledge import Library
from .log import RequestLog
from .names import Names
from .runs import Runs
from .state import State

CLOCK_ROW = ("clock", "ahead")


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    speed: float = 1.0
    data: Path | None = None
    train_seconds: float = 6.0
    validate_seconds: float = 0.5
    api_key: str | None = None
    strict_names: bool = False


@dataclass
class Sandbox:
    """The platform's state and the test's controls; faults and log live in memory only."""

    options: Options
    state: State
    clock: Clock
    files: Files
    runs: Runs
    names: Names
    library: Library
    faults: Faults = field(default_factory=Faults)
    log: RequestLog = field(default_factory=RequestLog)

    @classmethod
    def build(cls, options: Options) -> "Sandbox":
        """Open the state and what rests on it."""
        state = State(options.data)
        clock = Clock(options.speed, ahead=sum(row["ahead"] for row in state.rows(CLOCK_ROW[0])))
        runs = Runs(state, clock, options.train_seconds)
        return cls(
            options=options,
            state=state,
            clock=clock,
            files=Files(state, clock, options.validate_seconds),
            runs=runs,
            names=Names(state, clock, runs, options.strict_names),
            library=Library(state),
        )

    def advance(self, seconds: float) -> float:
        """Move the clock on, durably: time must not go back when the sandbox starts again."""
        now = self.clock.advance(seconds)
        self.state.put(*CLOCK_ROW, {"ahead": self.clock.ahead})
        return now


SANDBOX = web.AppKey("sandbox", Sandbox)
#: key of a request under which the fault that strikes it leaves its action
ACTION = "action"


def platform(request: web.Request) -> Sandbox:
    """The sandbox that a request is for."""
    return request.app[SANDBOX]


def action_of(request: web.Request) -> dict[str, Any]:
    """The action of the fault that strikes this request; empty when none does."""
    return cast("dict[str, Any]", request.get(ACTION, {}))
