"""A sandbox process a session, for the adapters."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.stack import ROOT


@pytest.fixture(scope="session")
def sandbox_url() -> Iterator[str]:
    """The root of a sandbox whose runs take an hour unless the clock is moved on."""
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--train-seconds", "3600", "--validate-seconds", "0.1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture
def control(sandbox_url: str) -> Iterator[httpx.Client]:
    """The sandbox's control side; leaves no faults behind."""
    with httpx.Client(base_url=f"{sandbox_url}/sandbox", timeout=10) as client:
        yield client
        client.delete("/faults")
        client.delete("/limits")
