"""The people's side: the Producer client and the command line."""

from common.spec import JobSpec
from producer.client import Producer

__all__ = ["JobSpec", "Producer"]
