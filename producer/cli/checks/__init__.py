"""The doctor's checks: each gives findings, none raises."""

from producer.cli.checks import machine, pace, platform, store
from producer.cli.checks.finding import Finding

__all__ = ["Finding", "machine", "pace", "platform", "store"]
