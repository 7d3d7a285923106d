"""The people's side: the Producer client and the command line. Nothing heavy is imported until it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from common.spec import JobSpec
    from producer.client import Producer

__all__ = ["JobSpec", "Producer"]


def __getattr__(name: str) -> Any:
    if name == "Producer":
        from producer.client import Producer

        return Producer
    if name == "JobSpec":
        from common.spec import JobSpec

        return JobSpec
    raise AttributeError(f"module 'producer' has no attribute {name!r}")
