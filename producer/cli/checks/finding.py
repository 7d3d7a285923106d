"""What one check came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fault", "unreachable"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`mend` says what to do about it; empty where nothing is to be done."""

    check: str
    status: Status
    message: str
    mend: str = ""
