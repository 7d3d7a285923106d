"""The budget of a batch, as it stands. Pure data; common/purse.py keeps it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """Micro-dollars. `limit` None: there is none, and all is counted all the same."""

    batch: str
    limit: int | None
    reserved: int
    spent: int

    @property
    def room(self) -> int | None:
        """What may still be set aside; negative where a run cost more than was expected. None: any amount."""
        return None if self.limit is None else self.limit - self.reserved - self.spent
