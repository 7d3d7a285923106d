"""Names that can be asked: base models, outputs of runs, endpoints, deployments declared by a person."""

from dataclasses import dataclass
from typing import Any

from .clock import Clock
from .endpoints import Endpoints
from .errors import PlatformError
from .limits import MODELS
from .run import Run
from .runs import Runs
from .state import State

KIND = "deployment"


@dataclass(frozen=True)
class Deployment:
    """A name that a person gave to a model in the platform's web console."""

    name: str
    model: str | None = None  #: output name, registry id or run id; None: whatever completed last


class Names:
    """Finds what answers under a name."""

    def __init__(
        self, state: State, clock: Clock, runs: Runs, strict: bool, endpoints: Endpoints | None = None
    ) -> None:
        self._state = state
        self._clock = clock
        self._runs = runs
        self._endpoints = endpoints
        self._strict = strict
        self._declared = {row["name"]: Deployment(**row) for row in state.rows(KIND)}

    def declare(self, name: str, model: str | None) -> Deployment:
        """Register a deployment; a second time replaces the first."""
        if model is not None and model not in MODELS and self._runs.by_output(model) is None:
            raise PlatformError(404, f"No base model, output name or run id {model!r}", param="model")
        deployment = Deployment(name, model)
        self._state.put(KIND, name, deployment)
        self._declared[name] = deployment
        return deployment

    def withdraw(self, name: str) -> None:
        """Take a deployment down."""
        if self._declared.pop(name, None) is None:
            raise PlatformError(404, f"No such deployment: {name}", param="name")
        self._state.drop(KIND, name)

    def all(self) -> list[Deployment]:
        """All deployments, oldest first."""
        return list(self._declared.values())

    def resolve(self, name: Any) -> Run | str:
        """The run whose model answers under a name, or the name of a base model."""
        if not isinstance(name, str) or not name:
            raise PlatformError(400, "model is required", param="model")
        deployment = self._declared.get(name)
        if deployment is not None:
            return self._deployed(deployment)
        served = self._endpoints.answering(name) if self._endpoints is not None else None
        if served is not None:
            return served.run or served.base.name
        if name in MODELS:
            return name
        run = self._runs.by_output(name)
        run = run if run is not None or self._strict else self._runs.last_completed()
        if run is None or not self._is_done(run):
            raise _unavailable(name)
        return run

    def _deployed(self, deployment: Deployment) -> Run | str:
        if deployment.model in MODELS:
            return str(deployment.model)
        wanted = deployment.model
        run = self._runs.last_completed() if wanted is None else self._runs.by_output(wanted)
        if run is None or not self._is_done(run):
            message = f"The dedicated endpoint for {deployment.name} is not running"
            raise PlatformError(400, message, "dedicated_endpoint_not_running", "model")
        return run

    def _is_done(self, run: Run) -> bool:
        return run.completed_at(self._clock.now()) is not None


def _unavailable(name: str) -> PlatformError:
    message = f"Unable to access model {name}. See the models page for what is supported."
    return PlatformError(404, message, "model_not_available", "model")
