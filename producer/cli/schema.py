"""schema: JSON Schemas, made from the models that check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from producer.cli.output import emit, output_option

DRAFT = "https://json-schema.org/draft/2020-12/schema"


@click.command()
@click.argument("what", type=click.Choice(["job", "message", "event"]))
@output_option
def schema(what: str, output: str) -> None:
    """Print a JSON Schema: of job, message or event.

    Of `message`: one for the kwargs of each task name.
    """
    makers: dict[str, Callable[[], dict[str, Any]]] = {"job": _job, "message": _message, "event": _event}
    emit(makers[what](), "jsonl" if output == "jsonl" else "json")


def _job() -> dict[str, Any]:
    from common.spec import JobSpec

    made = JobSpec.model_json_schema()
    made["properties"]["matrix"] = {
        "type": "object",
        "description": "Dotted keys of the spec, each with the values it takes: one job for each combination.",
        "additionalProperties": {"type": "array", "minItems": 1},
        "examples": [{"finetune.learning_rate": [1e-5, 5e-5]}],
    }
    return {"$schema": DRAFT, **made}


def _message() -> dict[str, Any]:
    from common.messages import CONTRACTS

    return {task: {"$schema": DRAFT, **model.model_json_schema()} for task, model in CONTRACTS.items()}


def _event() -> dict[str, Any]:
    from common.events import OTHER, TYPES
    from common.states import JobState

    state = {"enum": [*map(str, JobState), None]}
    told = "; ".join(f"{name}: {meaning}" for name, meaning in OTHER.items())
    properties: dict[str, Any] = {
        "id": {"type": "string", "pattern": "^[0-9]+-[0-9]+$", "description": "The stream entry's own id."},
        "job": {"type": "string", "pattern": "^[0-9a-f]+$"},
        "type": {"enum": list(TYPES), "description": f"Moves have the states in from and to. {told}."},
        "from": state,
        "to": state,
        "actor": {"type": "string", "description": "Who did it."},
        "at": {"type": "integer", "description": "ms since 1970 by Redis's clock."},
        "data": {"type": "object", "description": "Facts; in the stream itself a JSON text."},
    }
    return {
        "$schema": DRAFT,
        "title": "Event",
        "description": "One entry of the Redis stream hintrelay:events, as `hintrelay events -o json` prints it.",
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
