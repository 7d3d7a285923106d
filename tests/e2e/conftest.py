"""One installation a session for the end-to-end tests: HintEval's import is the dear part."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.stack import Stack, eventually
from tests.e2e.standin import StandIn


@pytest.fixture(scope="session")
def stand_in() -> Iterator[StandIn]:
    """A platform other than the sandbox."""
    platform = StandIn()
    yield platform
    platform.close()


@pytest.fixture(scope="session")
def stack(stand_in: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All roles against the stand-in platform."""
    stack = Stack(tmp_path_factory.mktemp("stack"), stand_in.url)
    try:
        stack.start("serve")
        stack.start("beat")
        eventually(
            lambda: (stack.folder / "serve.log").read_text().count('"worker_ready"') == 2, "workers are ready", 90
        )
        yield stack
    finally:
        stack.stop()
