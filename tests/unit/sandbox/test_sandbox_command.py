"""The sandbox's own command."""

from __future__ import annotations

import socket

import pytest
from click.testing import CliRunner

from sandbox.__main__ import main


def test_a_port_that_is_taken_is_one_sentence_and_the_exit_code_of_what_cannot_be_had() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(main, ["--port", str(port)])
    assert result.exit_code == 8
    assert result.stderr.startswith(f"hintrelay: cannot serve at 127.0.0.1:{port}: ")


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_it_tells_its_options(word: str) -> None:
    result = CliRunner().invoke(main, [word])
    assert result.exit_code == 0
    assert "--train-seconds" in result.stdout
