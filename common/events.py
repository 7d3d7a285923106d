"""Events: facts of the domain, past participles, one Redis stream entry each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.states import MOVES

#: events that are no move; the moves' are in the table of moves
OTHER = {
    "job_accepted": "the job is stored",
    "attempt_failed": "an attempt of a stage failed; it is tried again after a while",
    "run_status_changed": "the platform gave another status to the run",
    "run_restarted": "the platform went on with the run under a new id",
    "extra_run_cancelled": "a second run of the job was found on the platform and cancelled",
    "deployment_registered": "somebody registered the name that the model was deployed under",
    "endpoint_started": "an endpoint is being created for the job; it stands in the ledger",
    "endpoint_ready": "the endpoint answers; from here on it costs",
    "endpoint_stopped": "the endpoint read as gone; what it cost is known",
    "cancel_requested": "somebody wants the job cancelled",
    "job_expired": "the job ended HINTRELAY_KEEP_DAYS ago; its record is gone",
}
TYPES = tuple(dict.fromkeys([*OTHER, *MOVES.values()]))


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the stream `hintrelay:events`. `at` is ms since 1970, `id` the stream's own."""

    id: str
    job: str
    type: str
    origin: str
    to: str
    actor: str
    at: int
    data: dict[str, Any]

    @classmethod
    def from_entry(cls, entry_id: str, fields: Mapping[str, str]) -> Event:
        return cls(
            id=entry_id,
            job=fields["job"],
            type=fields["type"],
            origin=fields.get("from", ""),
            to=fields.get("to", ""),
            actor=fields.get("actor", ""),
            at=int(float(fields["at"])),
            data=json.loads(fields.get("data") or "{}"),
        )

    def dump(self) -> dict[str, Any]:
        """As JSON values, with the stream's own field names."""
        return {
            "id": self.id,
            "job": self.job,
            "type": self.type,
            "from": self.origin or None,
            "to": self.to or None,
            "actor": self.actor,
            "at": self.at,
            "data": self.data,
        }
